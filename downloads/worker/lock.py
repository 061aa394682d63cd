"""Who drains the queue: one process per models folder, and the kernel (or PostgreSQL) knows when it dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

from volumes.locks import FileLock

ADVISORY_LOCK = 0x436F6D6679  # any number that nobody else takes in this database


@contextmanager
def worker_lock() -> Iterator[bool]:
    """True while this process alone drains. A lock that is given means: no other drain is alive.

    A lock file in the data directory; on PostgreSQL a session advisory lock, which works across machines.
    """
    if connection.vendor == "postgresql":
        with _advisory_lock() as held:
            yield held
        return
    lock = FileLock(settings.DATA_DIR / "worker.lock")
    held = lock.take()
    try:
        yield held
    finally:
        lock.release()


@contextmanager
def _advisory_lock() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
        held = bool(cursor.fetchone()[0])
    try:
        yield held
    finally:
        if held:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])
