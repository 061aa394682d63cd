from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from comfydash.recovery.backup import BackupError, back_up


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "dashboard.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT)")
        database.execute("INSERT INTO settings VALUES ('theme', 'light')")
    return file


def themes(file: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(file)) as database:
        return database.execute("SELECT value FROM settings").fetchall()


def test_a_backup_is_one_private_file_with_everything_committed(source, tmp_path):
    with closing(sqlite3.connect(source)) as busy:
        busy.execute("INSERT INTO settings VALUES ('a', 'in the write-ahead log')")
        busy.commit()
        busy.execute("INSERT INTO settings VALUES ('b', 'not committed')")
        made = back_up(source, tmp_path / "copy.db")
    assert themes(made) == [("light",), ("in the write-ahead log",)]
    assert oct(made.stat().st_mode & 0o777) == "0o600"
    assert sorted(file.name for file in tmp_path.glob("*copy.db*")) == ["copy.db"]


def test_what_a_killed_backup_left_goes_with_the_next_one(source, tmp_path):
    """It is a whole database, the token in it."""
    folder = tmp_path / "backups"
    folder.mkdir()
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    ).stdout
    for name in (f".old.db.{dead.strip()}-0123abcd.new", f".old.db.{dead.strip()}-0123abcd.new-journal", ".mine.new"):
        (folder / name).write_text("half")
    back_up(source, folder / "copy.db")
    assert sorted(file.name for file in folder.iterdir()) == [".mine.new", "copy.db"]


def test_a_backup_is_never_overwritten(source, tmp_path):
    kept = tmp_path / "copy.db"
    kept.write_text("yesterday's")
    with pytest.raises(BackupError, match="never overwritten"):
        back_up(source, kept)
    assert kept.read_text() == "yesterday's"


def test_a_folder_gets_a_file_named_by_the_time(source, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    assert back_up(source, folder).name.startswith("dashboard-2")


def test_a_damaged_database_gives_no_backup(source, tmp_path):
    with closing(sqlite3.connect(source)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with source.open("r+b") as raw:
        raw.seek(4096)
        raw.write(b"\xff" * 4096)
    with pytest.raises(BackupError):
        back_up(source, tmp_path / "copy.db")
    assert not list(tmp_path.glob("*copy.db*"))


def test_a_folder_that_is_not_there_is_named(source, tmp_path):
    with pytest.raises(BackupError, match="cannot be written: No such file"):
        back_up(source, tmp_path / "nowhere" / "copy.db")


def test_the_command_says_what_it_made(source, tmp_path, settings, capsys):
    settings.DATABASE_FILE = source
    call_command("backup_database", tmp_path / "copy.db")
    assert capsys.readouterr().out.startswith(f"{tmp_path}/copy.db: ")
    with pytest.raises(CommandError, match="never overwritten"):
        call_command("backup_database", tmp_path / "copy.db")
