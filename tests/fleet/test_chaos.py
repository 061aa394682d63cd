"""Whatever happens to workers and database: one install at a time, each completed and published once, bytes right.

The long form: ``python -m tests.fleet --seconds 900``.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fleet.chaos import play
from tests.fleet.postgresql import programs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL server here: apt-get install postgresql"),
]


def test_every_install_completes_once_whatever_happens_to_the_workers(tmp_path: Path) -> None:
    assert play(tmp_path, random.randrange(1_000_000), seconds=45, installs=9) == []
