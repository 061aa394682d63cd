"""Several hosts keep what they derive from files in one table of a PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg
import pytest

from tests.comfydash.serving import ROOT
from tests.derived.test_cache import write_at_the_same_time

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

STRANGE = """
import django; django.setup()
from django.db import connection, transaction
from tests.derived.test_cache import A, of, FileState
paths = ["/\\udcff", "/\\ud800", "/nul\\0", "/" + "語" * 341, "/" + "語" * 1000, "/" + "x" * 5000]
files = {FileState(path, 1, 1): [str(number)] for number, path in enumerate(paths)} | {A: ["a"]}
of().write(files | {FileState("/future", 1, 2**63): []})
found = of().read(files)
assert found == {file: files[file] for file in found} and len(found) == 4, found
with transaction.atomic():  # a write that fails leaves the transaction around it whole
    of("x" * 1000).write({A: ["too long a version"]})
    connection.cursor().execute("SELECT 1")
assert of().read([A]) == {A: ["a"]}
"""


def test_values_are_written_and_read_as_on_sqlite(postgres_url: str, tmp_path: os.PathLike[str]) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("CREATE DATABASE derived")
    env = os.environ | {
        "COMFYDASH_WORKSPACE": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "comfydash.settings",
        "DATABASE_URL": f"{postgres_url.removesuffix('/postgres')}/derived",
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=env, check=True)
    write_at_the_same_time(env)
    asked = subprocess.run(
        [sys.executable, "-c", STRANGE], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert (asked.stderr, asked.returncode) == ("", 0)
