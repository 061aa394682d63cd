"""Whatever happens to workers and database: one install at a time, each completed and published once, bytes right.

The long form: ``python -m tests.fleet --seconds 900``, with ``--hosts`` where packets are to vanish.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fleet.chaos import play
from tests.fleet.places import without_networks
from tests.fleet.postgresql import programs
from tests.fleet.redis_server import program

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL server here: apt-get install postgresql"),
    pytest.mark.skipif(program() is None, reason="no redis-server here: apt-get install redis-server"),
]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("hosts", [False, True], ids=["behind proxies", "on hosts of their own"])
def test_every_install_completes_once_whatever_happens(tmp_path: Path, hosts: bool) -> None:
    if hosts and (reason := without_networks()):
        pytest.skip(reason)
    assert play(tmp_path, random.randrange(1_000_000), seconds=25, installs=6, hosts=hosts) == []
