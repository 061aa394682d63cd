"""One process at a time changes the tables; on PostgreSQL, where several machines may start at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections

from comfydash.serve.trouble import CannotStart

log = logging.getLogger("comfydash.serve")

LOCK = 0x6D696772  # any number that nobody else takes in this database
WAIT_SECONDS = 600.0  # for the migrations of somebody else
LOOK_SECONDS = 0.5


@contextmanager
def alone() -> Iterator[None]:
    """Hold the lock, waiting for whoever has it; no statement is ended meanwhile for taking long. Raises CannotStart.

    The lock lasts as long as a transaction on a connection of its own: a pooler in front of the server keeps those
    together, and PostgreSQL gives it back when its holder dies.
    """
    if connection.vendor != "postgresql":
        yield
        return
    lock: Any = connections.create_connection(DEFAULT_DB_ALIAS)
    default: Any = connection
    try:
        with lock.unlimited(), default.unlimited():
            lock.set_autocommit(False)
            _take(lock)
            yield
    finally:
        lock.close()


def _take(lock: Any) -> None:
    deadline, said = time.monotonic() + WAIT_SECONDS, False
    while not _is_taken(lock):
        if not said:
            log.info("%s brings the tables up to date; this waits for it.", _holder(lock))
            said = True
        if time.monotonic() > deadline:
            raise CannotStart(
                f"{_holder(lock)} has been bringing the tables up to date for {WAIT_SECONDS / 60:.0f} minutes. Look at "
                "its log; when it is done, or ended, start this again."
            )
        time.sleep(LOOK_SECONDS)


def _is_taken(lock: Any) -> bool:
    with lock.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def _holder(lock: Any) -> str:
    with lock.cursor() as cursor:
        cursor.execute(
            "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE locktype = 'advisory' AND objid = %s AND granted",
            [LOCK],
        )
        row = cursor.fetchone()
    return str(row[0]) if row and row[0] else "Another process"
