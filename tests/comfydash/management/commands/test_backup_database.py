from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "dashboard.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT)")
        database.execute("INSERT INTO settings VALUES ('theme', 'light')")
    return file


def test_the_command_says_what_it_made(source, tmp_path, settings, capsys):
    settings.DATABASE_FILE = source
    call_command("backup_database", tmp_path / "copy.db")
    assert capsys.readouterr().out.startswith(f"{tmp_path}/copy.db: ")
    with pytest.raises(CommandError, match="never overwritten"):
        call_command("backup_database", tmp_path / "copy.db")
