"""Damaged files are found, set aside, and what can be read of them is carried over."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from comfydash.recovery import database
from comfydash.recovery.database import CarryOver, Salvage

SCHEMA = """
CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT);
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT, updated_at TEXT);
CREATE TABLE activity (id INTEGER PRIMARY KEY, title TEXT, details TEXT CHECK (json_valid(details)));
CREATE TABLE download_history (id INTEGER PRIMARY KEY, preset_id TEXT);
CREATE TABLE download_file (
    id INTEGER PRIMARY KEY, path TEXT, download_id INTEGER REFERENCES download_history (id)
);
"""


PAGE = 4096


def make(file: Path, entries: int = 0) -> Path:
    """A database with our tables, one setting, one download with a file, and so many entries of the activity."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(SCHEMA)
        connection.execute("INSERT INTO settings VALUES ('theme', 'light', '2026')")
        connection.execute("INSERT INTO download_history VALUES (1, 'flux')")
        connection.execute("INSERT INTO download_file VALUES (1, 'vae/ae.safetensors', 1)")
        rows = [(number, f"entry {number} " + "x" * 100, "{}") for number in range(1, entries + 1)]
        connection.executemany("INSERT INTO activity VALUES (?, ?, ?)", rows)
    return file


def empty(file: Path) -> Path:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(SCHEMA)
    return file


def overwrite(file: Path, offset: int, data: bytes) -> None:
    with file.open("r+b") as raw:
        raw.seek(offset)
        raw.write(data)


def leaf_pages(file: Path, table: str) -> list[int]:
    """Numbers of the pages that hold the rows of a table."""
    with closing(sqlite3.connect(file)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    raw = file.read_bytes()
    page = raw[(root - 1) * PAGE : root * PAGE]
    if page[0] == 13:
        return [root]
    count = int.from_bytes(page[3:5], "big")
    cells = [int.from_bytes(page[12 + 2 * n : 14 + 2 * n], "big") for n in range(count)]
    return [int.from_bytes(page[cell : cell + 4], "big") for cell in cells]


def test_a_sound_a_new_and_a_missing_database_are_no_problem(tmp_path):
    assert database.problem(make(tmp_path / "a.db", entries=1000)) == ""
    (tmp_path / "empty.db").touch()
    assert database.problem(tmp_path / "empty.db") == ""
    assert database.problem(tmp_path / "missing.db") == ""
    assert not (tmp_path / "missing.db").exists()


def test_a_locked_database_is_not_taken_for_a_damaged_one(tmp_path, monkeypatch):
    file = make(tmp_path / "a.db")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, **kwargs | {"timeout": 0.01}))
    with closing(connect(file)) as busy:
        busy.execute("BEGIN EXCLUSIVE")
        assert database.problem(file) == ""


@pytest.mark.parametrize(
    ("offset", "data"),
    [(0, b"\0" * 16), (0, b"\0" * 100), (16, b"\xff" * 4), (PAGE, b"\xff" * PAGE)],
    ids=["magic", "header", "page size", "a page"],
)
def test_damage_is_found(tmp_path, offset, data):
    file = make(tmp_path / "a.db", entries=1000)
    overwrite(file, offset, data)
    assert database.problem(file) != ""


def test_a_half_written_restore_is_found(tmp_path):
    file = make(tmp_path / "a.db", entries=1000)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert database.problem(file) != ""
    file.write_bytes(b"<html>Not found</html>" * 100)
    assert database.problem(file) != ""


def test_a_lost_header_loses_no_row(tmp_path):
    broken, new = make(tmp_path / "broken.db", entries=500), empty(tmp_path / "new.db")
    overwrite(broken, 0, b"\0" * 100)
    before = broken.read_bytes()
    expected = Salvage({"settings": 1, "download_history": 1, "download_file": 1, "activity": 500})
    assert database.salvage(broken, new) == expected
    assert str(expected).startswith("carried over: 1 of settings")
    assert broken.read_bytes() == before  # evidence stays as it is
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.db", "new.db"]


def test_a_lost_page_loses_only_its_own_rows(tmp_path):
    broken, new = make(tmp_path / "broken.db", entries=2000), empty(tmp_path / "new.db")
    pages = leaf_pages(broken, "activity")
    overwrite(broken, (pages[len(pages) // 2] - 1) * PAGE, b"\xff" * PAGE)
    result = database.salvage(broken, new)
    assert result.incomplete == ["activity"]
    assert 1950 < result.kept["activity"] < 2000
    assert result.kept["settings"] == 1


def test_a_truncated_file_gives_its_first_tables(tmp_path):
    broken, new = make(tmp_path / "broken.db", entries=2000), empty(tmp_path / "new.db")
    broken.write_bytes(broken.read_bytes()[: PAGE * 12])
    result = database.salvage(broken, new)
    assert result.kept["settings"] == 1


def test_what_was_derived_from_files_is_left_to_be_derived_anew(tmp_path):
    broken, new = make(tmp_path / "broken.db"), empty(tmp_path / "new.db")
    for file in (broken, new):
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("CREATE TABLE derived_value (id INTEGER PRIMARY KEY, value BLOB)")
    with closing(sqlite3.connect(broken)) as connection, connection:
        connection.execute("INSERT INTO derived_value VALUES (1, 'whatever')")
    assert "derived_value" not in database.salvage(broken, new).kept
    with closing(sqlite3.connect(new)) as connection:
        assert connection.execute("SELECT * FROM derived_value").fetchall() == []


def test_rows_that_fit_no_more_are_left_out(tmp_path):
    broken, new = make(tmp_path / "broken.db"), empty(tmp_path / "new.db")
    with closing(sqlite3.connect(broken)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("INSERT INTO activity VALUES (7, 'garbage', '{half')")
        connection.execute("INSERT INTO download_file VALUES (2, 'orphan', 99)")
    result = database.salvage(broken, new)
    assert result.kept["activity"] == 0
    with closing(sqlite3.connect(new)) as connection:
        assert connection.execute("SELECT path FROM download_file").fetchall() == [("vae/ae.safetensors",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_rubbish_gives_nothing_and_no_error(tmp_path):
    broken, new = tmp_path / "broken.db", empty(tmp_path / "new.db")
    broken.write_bytes(b"rubbish" * 5000)
    assert database.salvage(broken, new).incomplete == ["every table"]


def test_what_is_still_to_be_carried_over_outlives_a_crash(tmp_path):
    note = CarryOver.of(tmp_path / "dashboard.db")
    assert note.pending() is None
    aside = tmp_path / "dashboard.db.corrupt-1"
    aside.touch()
    note.begin("corrupt", aside, "malformed")
    assert CarryOver.of(tmp_path / "dashboard.db").pending() == ("corrupt", aside, "malformed")
    note.done()
    assert note.pending() is None


@pytest.mark.parametrize(
    ("answer", "step"),
    [
        ("database is locked", "Close that program"),
        ("attempt to write a readonly database", "Give file and folder"),
        ("database or disk is full", "Free some space"),
        ("database disk image is malformed", "Start ComfyDash again"),
        ("unable to open database file", "Check that its folder"),
        ("disk I/O error", "look at the disk"),
        ("connection failed: connection to server refused", "is it running"),
    ],
)
def test_each_answer_of_the_database_has_a_next_step(tmp_path, answer, step):
    assert step in database.explain(sqlite3.OperationalError(answer), tmp_path / "dashboard.db")


@pytest.mark.parametrize(
    "words",
    ["connection refused", "the connection is closed", "statement timeout", "read-only", "permission denied", "x"],
)
def test_a_database_server_is_named_without_its_secrets(words):
    place = {"NAME": "dash", "HOST": "db.example", "PORT": 5432, "USER": "ada", "PASSWORD": "hush"}
    sentence = database.explain_server(Exception(words), place)
    assert sentence.startswith("The database “dash” on db.example:5432 (DATABASE_URL) ")
    assert "hush" not in sentence and "ada" not in sentence and "dashboard.db" not in sentence


def test_at_the_terminal_the_first_line_of_the_server_is_added():
    error = Exception('connection to server at "127.0.0.1", port 1 failed: Connection refused\n\tIs it up?')
    sentence = database.at_the_terminal(error, {"NAME": "dash", "HOST": "db.example"})
    assert sentence.startswith("The database “dash” on db.example (DATABASE_URL) does not answer: is it running")
    assert sentence.endswith('(connection to server at "127.0.0.1", port 1 failed: Connection refused)')
