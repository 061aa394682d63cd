"""Our SQLite backend: private files, and locks that survive every further connection of the process."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connections

from comfydash.sqlite.base import DatabaseWrapper

ASK = """
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1], timeout=0).execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    print(error)
else:
    print("taken")
"""


def connection(file: Path) -> sqlite3.Connection:
    wrapper = DatabaseWrapper({**connections["default"].settings_dict, "NAME": str(file)})
    return wrapper.get_new_connection(wrapper.get_connection_params())


def from_another_process(file: Path) -> str:
    asked = subprocess.run([sys.executable, "-c", ASK, str(file)], capture_output=True, text=True, check=True)
    return asked.stdout.strip()


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_a_further_connection_takes_no_lock_away_from_this_process(tmp_path: Path, journal: str) -> None:
    file = tmp_path / "dashboard.db"
    with closing(connection(file)) as first:
        first.execute(f"PRAGMA journal_mode = {journal}")
        first.execute("CREATE TABLE kept (id INTEGER)")
        first.commit()
        first.execute("BEGIN IMMEDIATE")
        assert from_another_process(file) == "database is locked"
        with closing(connection(file)):
            assert from_another_process(file) == "database is locked"


def test_a_new_database_is_private_from_its_first_byte(tmp_path: Path) -> None:
    file = tmp_path / "dashboard.db"
    with closing(connection(file)):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
