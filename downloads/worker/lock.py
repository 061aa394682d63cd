"""Who drains the queue: one process per models folder, and the kernel (or PostgreSQL) knows when it dies."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from downloads.transfer import UNFENCED, Fence
from downloads.worker.lease import Lease, answered_within
from volumes.locks import FileLock

log = logging.getLogger(__name__)

STATEMENT_SECONDS = 10.0  # that one question of the draining thread may take


@contextmanager
def worker_lock() -> Iterator[Fence | None]:
    """What this process alone drains under, None while another does. One that is given means: no other drain counts.

    A lock file in the data directory; on PostgreSQL a lease, which works across machines.
    """
    if connection.vendor == "postgresql":
        with _leased() as fence:
            yield fence
        return
    lock = FileLock(settings.DATA_DIR / "worker.lock")
    held = lock.take()
    try:
        yield UNFENCED if held else None
    finally:
        lock.release()


@contextmanager
def _leased() -> Iterator[Fence | None]:
    with answered_within(STATEMENT_SECONDS):
        lease = Lease.take()
        try:
            yield lease.fence if lease else None
        finally:
            if lease:
                _give_back(lease)


def _give_back(lease: Lease) -> None:
    try:
        lease.give_back()
    except (DatabaseError, InterfaceError) as error:
        log.warning("The lease on the queue could not be given back and runs out by itself: %s", error)
