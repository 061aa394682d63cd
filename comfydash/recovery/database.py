"""The SQLite file: is it sound, where does a broken one go, what can be saved of it. Needs no Django.

By hand, not SQLite's .recover: Python's sqlite3 does not have it.
"""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from volumes.files import write_whole

log = logging.getLogger(__name__)

CHECK_SECONDS = 2.0  # a start must not wait longer for the check of a large database
MAGIC = b"SQLite format 3\0"
SIDE_FILES = ("-wal", "-shm", "-journal")
SCRATCH = "salvage-"  # what folders with a copy of a broken database begin with

FIRST = ("settings", "auth_user", "download_history", "download_file", "model_file", "activity")
# Made by migrate with its own numbers, worthless in another file, or derived anew by itself.
NOT_CARRIED = frozenset(
    {
        "django_migrations",
        "django_content_type",
        "django_admin_log",
        "django_session",
        "auth_permission",
        "auth_group",
        "auth_group_permissions",
        "auth_user_groups",
        "auth_user_user_permissions",
        "worker",
        "worker_lease",
        "worker_state",
        "derived_value",
    }
)


@dataclass
class Salvage:
    """What was carried over: rows by table, and the tables that could not be read to their end."""

    kept: dict[str, int] = field(default_factory=dict)
    incomplete: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kept = ", ".join(f"{count} of {table}" for table, count in self.kept.items() if count) or "nothing"
        lost = f"; not all could be read of {', '.join(self.incomplete)}" if self.incomplete else ""
        return f"carried over: {kept}{lost}"


def problem(file: Path) -> str:
    """Why this is no sound database, in SQLite's words; empty for a sound, a new or a merely busy one."""
    if not file.exists() or file.stat().st_size == 0:
        return ""
    with closing(sqlite3.connect(file, timeout=5)) as connection:
        deadline = time.monotonic() + CHECK_SECONDS
        connection.set_progress_handler(lambda: int(time.monotonic() > deadline), 10_000)
        try:
            verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        except sqlite3.OperationalError as error:  # busy, out of time, unreadable: not broken as far as we know
            log.info("%s was not checked: %s", file.name, error)
            return ""
        except sqlite3.DatabaseError as error:
            return str(error)
    return "" if verdict == "ok" else verdict


def is_older_dashboard(file: Path) -> bool:
    """Whether the FastAPI dashboard that this one replaces wrote it: its tables, but no django_migrations."""
    if not file.exists():
        return False
    with closing(sqlite3.connect(file, timeout=5)) as connection:
        tables = table_names(connection)
    return "django_migrations" not in tables and bool(tables & {"settings", "activity", "download_history"})


def set_aside(file: Path, label: str) -> Path:
    """Rename it, its -wal and -shm to ``NAME.LABEL-<time>``; nothing is deleted. Returns the new name."""
    aside = file.with_name(f"{file.name}.{label}-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    for suffix in SIDE_FILES:
        side = file.with_name(file.name + suffix)
        if side.exists():
            side.replace(aside.with_name(aside.name + suffix))
    file.replace(aside)
    return aside


@dataclass(frozen=True)
class CarryOver:
    """A file set aside whose contents are still to be carried over: noted on disk, so that a crash loses nothing."""

    note: Path

    @classmethod
    def of(cls, file: Path) -> CarryOver:
        return cls(file.with_name(f"{file.name}.carry-over"))

    def begin(self, kind: str, aside: Path, why: str) -> None:
        write_whole(self.note, json.dumps({"kind": kind, "file": aside.name, "why": why}).encode(), durable=True)

    def pending(self) -> tuple[str, Path, str] | None:
        """``(kind, file, why)``; kind is ``corrupt`` or ``older``."""
        try:
            note = json.loads(self.note.read_text())
            found = (str(note["kind"]), self.note.with_name(note["file"]), str(note["why"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if found[1].exists() else None

    def done(self) -> None:
        self.note.unlink(missing_ok=True)


def table_names(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]


def salvage(broken: Path, new: Path) -> Salvage:
    """Copy every readable row of broken into the empty tables of new, settings first, in one transaction."""
    result = Salvage()
    # Reads a copy: SQLite itself writes into what it opens (recovery of the -wal), and the original is evidence.
    with tempfile.TemporaryDirectory(dir=broken.parent, prefix=SCRATCH) as scratch:
        try:
            old = _open_broken(broken, Path(scratch))
        except (sqlite3.DatabaseError, OSError) as error:
            log.warning("Nothing can be read of %s: %s", broken.name, error)
            result.incomplete = ["every table"]
            return result
        with closing(old), closing(sqlite3.connect(new, timeout=20)) as target, target:
            there, here = table_names(target) - NOT_CARRIED, table_names(old)
            for table in [*FIRST, *sorted(there - set(FIRST))]:
                if table in there & here and not table.startswith("sqlite_"):
                    _copy_table(old, target, table, result)
            for table, row_id, *_ in target.execute("PRAGMA foreign_key_check").fetchall():
                target.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (row_id,))  # noqa: S608  # our own schema
    return result


def _copy_table(old: sqlite3.Connection, target: sqlite3.Connection, table: str, result: Salvage) -> None:
    known = set(columns(target, table))
    names = [name for name in columns(old, table) if name in known]
    listed = ", ".join(f'"{name}"' for name in names)
    places = ", ".join("?" * len(names))
    insert = f'INSERT OR IGNORE INTO "{table}" ({listed}) VALUES ({places})'  # noqa: S608
    kept = 0
    rows = ReadableRows(old, table, listed)
    for row in rows:
        try:
            kept += target.execute(insert, row).rowcount
        except sqlite3.IntegrityError:  # garbage in a row that could be read
            rows.complete = False
    result.kept[table] = kept
    if not rows.complete:
        result.incomplete.append(table)


class ReadableRows:
    """The rows of a table from both ends towards the page that cannot be read."""

    def __init__(self, connection: sqlite3.Connection, table: str, listed: str) -> None:
        self.complete = True
        self._connection, self._table, self._listed = connection, table, listed

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        seen: set[int] = set()
        for direction in ("ASC", "DESC"):
            query = f'SELECT rowid, {self._listed} FROM "{self._table}" NOT INDEXED ORDER BY rowid {direction}'  # noqa: S608
            try:
                for row_id, *row in self._connection.execute(query):
                    if row_id not in seen:
                        seen.add(row_id)
                        yield tuple(row)
                if direction == "ASC":
                    return
            except sqlite3.DatabaseError:
                self.complete = False


def _open_broken(file: Path, scratch: Path) -> sqlite3.Connection:
    """A connection to a copy. Raises sqlite3.DatabaseError when not even the list of tables can be read."""
    copy = scratch / "copy.db"
    for suffix in ("", "-wal", "-journal"):
        source = file.with_name(file.name + suffix)
        if source.exists():
            shutil.copyfile(source, scratch / f"copy.db{suffix}")
    try:
        return _load(copy)
    except sqlite3.DatabaseError:
        _rebuild_header(copy)
        return _load(copy)


def _load(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file)
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    try:
        if not table_names(connection):
            raise sqlite3.DatabaseError("it lists no tables")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def _rebuild_header(file: Path) -> None:
    """Write the 100 bytes that every database of ours begins with; the rest of the first page may be whole.

    Source: sqlite.org/fileformat2.html, "The Database Header". 4096 is the page size of every SQLite since 3.12.
    """
    page = 4096
    fixed = struct.pack(">16sHBBBBBB", MAGIC, page, 1, 1, 0, 64, 32, 32)
    counts = struct.pack(">12I", 1, file.stat().st_size // page, 0, 0, 1, 4, 0, 0, 1, 0, 0, 0)
    header = (fixed + counts).ljust(92, b"\0") + struct.pack(">II", 1, 3_040_000)
    with file.open("r+b") as out:
        out.write(header)
    for suffix in SIDE_FILES:  # of another header
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def explain(error: Exception, file: Path | str) -> str:
    """A sentence with a next step for what a database answered (sqlite3's or Django's exception).

    ``file`` stands in the sentence after "The database".
    """
    text = str(error).lower()
    if "locked" in text:
        return f"The database {file} has been locked by another program for 20 seconds. Close that program, then retry."
    if "readonly" in text or "read-only" in text:
        return f"The database {file} cannot be written. Give file and folder to the user that runs ComfyDash."
    if "disk is full" in text or "disk full" in text:
        return f"The disk that holds {file} is full. Free some space, then retry."
    if "malformed" in text or "not a database" in text:
        return f"The database {file} is damaged. Start ComfyDash again: it sets the file aside and saves what it can."
    if "disk i/o error" in text:
        return f"The disk that holds {file} is full or failing. Free some space, look at the disk, then retry."
    if "unable to open" in text:
        return f"The database {file} cannot be opened. Check that its folder exists and can be written."
    if "connection" in text:
        return f"The database {file} does not answer: is it running, and is DATABASE_URL right? ({error})"
    return f"The database {file} answered: {error}"


def at_the_terminal(error: Exception, place: dict[str, Any]) -> str:
    """As explain_server has it, with the server's own words in one line: whoever starts ComfyDash may read them."""
    said = str(error).strip().splitlines()
    return explain_server(error, place) + (f" ({said[0][:300]})" if said else "")


def explain_server(error: Exception, place: dict[str, Any]) -> str:
    """The same for a database server; ``place`` is its entry of Django's DATABASES. Never with user or password."""
    port = f":{place['PORT']}" if place.get("PORT") else ""
    name = f"“{place.get('NAME') or ''}” on {place.get('HOST') or 'the local socket'}{port} (DATABASE_URL)"
    text = str(error).lower()
    if "connection slots" in text or "too many clients" in text:
        return f"The database {name} has no connection left. Raise its max_connections, or close other programs."
    if "does not exist" in text and "relation" not in text and "column" not in text:
        return f"The database {name} does not know what DATABASE_URL names. Create it, or correct the address."
    if "authentication failed" in text or "no password supplied" in text:
        return f"The database {name} refused the login. Correct user and password in DATABASE_URL."
    if "lock timeout" in text or "statement timeout" in text or "deadlock" in text:
        return f"The database {name} was busy for too long. Try again in a moment."
    if "permission denied" in text:
        return (
            f"The database {name} does not let its user make or change tables. Make that user its owner: "
            "ALTER DATABASE … OWNER TO …"
        )
    if "read-only" in text:
        return f"The database {name} takes no changes. Name its primary server in DATABASE_URL."
    if "no space left" in text or "disk full" in text:
        return f"The disk of the database {name} is full. Free some space there, then retry."
    if "connect" in text or "closed" in text or "shutting down" in text or "starting up" in text:
        return f"The database {name} does not answer: is it running, and is DATABASE_URL right?"
    return (
        f"The database {name} could not do this. The log of the server has its words; start ComfyDash again to check."
    )
