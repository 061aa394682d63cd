"""Who drains the queue: one process per models folder, and the kernel (or PostgreSQL) knows when it dies."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from downloads.transfer import UNFENCED, Fence
from downloads.transfer.part.journal import boot_id
from downloads.worker.lease import Lease, answered_within
from downloads.workers import WorkerLease
from volumes.locks import FileLock

log = logging.getLogger(__name__)

STATEMENT_SECONDS = 10.0  # that one question of the draining thread may take


@contextmanager
def worker_lock() -> Iterator[Fence | None]:
    """What this process alone drains under, None while another does. One that is given means: no other drain counts.

    A lock file in the data directory; on PostgreSQL a lease, which works across machines.
    """
    lock = FileLock(settings.DATA_DIR / "worker.lock")
    if connection.vendor == "postgresql":
        with _leased(lock) as fence:
            yield fence
        return
    held = lock.take()
    try:
        yield UNFENCED if held else None
    finally:
        lock.release()


@contextmanager
def _leased(lock: FileLock) -> Iterator[Fence | None]:
    with answered_within(STATEMENT_SECONDS):
        lease = None
        try:
            lease = Lease.take(_name_of_all_holders(lock))
            yield lease.fence if lease else None
        finally:
            if lease:
                _give_back(lease)
            lock.release()


def is_left_from_before() -> bool:
    """Whether the lease is that of a process which had this lock file, and is dead."""
    lock = FileLock(settings.DATA_DIR / "worker.lock")
    try:
        name = _name_of_all_holders(lock)
        return bool(name) and WorkerLease.objects.filter(holder__startswith=f"{name}-").exists()
    finally:
        lock.release()


def _name_of_all_holders(lock: FileLock) -> str:
    """What all holders of this file's lock have in common since the machine was started; "" where nobody can say.

    Whoever has it in hands knows that the others are dead: the kernel gave it back, whatever process numbers say in
    one container and the next.
    """
    try:
        if not lock.take() or lock.without_flock:
            return ""
        boot, inode = boot_id(), lock.path.stat().st_ino
        name = lock.path.read_text() or uuid4().hex  # a copy of the folder has another inode
        lock.path.write_text(name)
    except OSError as error:
        log.debug("The lease of an earlier worker is waited for: %s", error)
        return ""
    return hashlib.sha256(f"{boot} {inode} {name}".encode()).hexdigest()[:32] if boot else ""


def _give_back(lease: Lease) -> None:
    try:
        lease.give_back()
    except (DatabaseError, InterfaceError) as error:
        log.warning("The lease on the queue could not be given back and runs out by itself: %s", error)
