"""Our SQLite backend: private files, and locks that survive every further connection of the process."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from django.db import connections

from comfydash.sqlite.base import DatabaseWrapper

WRITE = """
import contextlib, sqlite3, sys
with contextlib.closing(sqlite3.connect(sys.argv[1])) as database, database:
    database.execute("INSERT INTO kept VALUES (1)")
"""


def connection(file: Path) -> sqlite3.Connection:
    wrapper = DatabaseWrapper({**connections["default"].settings_dict, "NAME": str(file)})
    return wrapper.get_new_connection(wrapper.get_connection_params())


def write_from_another_process(file: Path) -> None:
    subprocess.run([sys.executable, "-c", WRITE, str(file)], check=True)


def test_a_further_connection_takes_no_lock_away_from_this_process(tmp_path: Path) -> None:
    """A process that is not seen any more loses its journal to the next one that closes the database."""
    file, journal = tmp_path / "dashboard.db", tmp_path / "dashboard.db-wal"
    with closing(connection(file)) as first:
        first.execute("CREATE TABLE kept (id INTEGER)")
        first.commit()
        assert journal.exists()
        with closing(connection(file)) as second:
            second.execute("SELECT * FROM kept").fetchall()
            write_from_another_process(file)
            assert journal.exists()
        write_from_another_process(file)
        assert journal.exists()


def test_a_new_database_is_private_from_its_first_byte(tmp_path: Path) -> None:
    file = tmp_path / "dashboard.db"
    with closing(connection(file)):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
