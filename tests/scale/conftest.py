"""A private PostgreSQL and a private Redis from Debian's packages, on ports of the kernel, for one test session."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import psycopg
import pytest

from tests.comfydash.serving import ROOT
from tests.fleet import postgresql, redis_server
from tests.fleet.postgresql import PostgresServer
from tests.fleet.redis_server import RedisServer


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """``postgres://…`` of an empty server; a test makes databases of its own in it."""
    if postgresql.programs() is None:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    with PostgresServer(durable=False) as server:
        yield server.url


@pytest.fixture(scope="session")
def tables(postgres_url: str) -> str:
    """The name of a database with tables and nothing in them, to make others from without migrating each."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE tables")
    url = f"{postgres_url.rpartition('/')[0]}/tables"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("COMFYDASH_", "DJANGO_"))}
    with tempfile.TemporaryDirectory() as workspace:
        subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), "migrate"],
            env=clean | {"DATABASE_URL": url, "COMFYDASH_WORKSPACE": workspace},
            check=True,
            capture_output=True,
        )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM settings")  # key and folders of who made the tables
    return "tables"


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    if redis_server.program() is None:
        pytest.skip("no redis-server here: apt-get install redis-server")
    with RedisServer() as server:
        yield server.url
