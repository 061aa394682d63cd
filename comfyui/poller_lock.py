"""One poller at a time: on one machine the kernel knows whether it lives, between machines a row that is renewed."""

from __future__ import annotations

import hashlib
import os
import platform
from datetime import timedelta
from uuid import uuid4

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Q
from django.db.models.functions import Now

from comfyui.models import PollerLease
from volumes.locks import FileLock

LASTS = timedelta(seconds=30)  # how long nobody watches after a machine died; longer than a poller waits at most
RENEW = 10.0  # seconds
FILE = "comfyui.lock"  # in the data directory


class PollerLock:
    """``take()`` again and again. Raises DatabaseError, and OSError where the data directory cannot be written.

    Who has the lock of a data directory knows that whoever had it before is dead: the poller of a killed worker is
    followed at once. The row's time, by the database's clock and no machine's own, counts only between machines.
    """

    def __init__(self) -> None:
        self._lock: FileLock | None = None
        self._place = ""  # the same for every process that meets at this lock
        self._holder = ""

    def take(self) -> bool:
        """Take or renew it; False while another holds it."""
        if self._lock is None and not self._lock_here():
            return False
        free = Q(holder__startswith=self._place) | Q(holder="") | Q(expires_at__lt=Now())
        row = PollerLease.objects.filter(pk=PollerLease.ONLY)
        if row.filter(free).update(holder=self._holder, expires_at=Now() + LASTS):
            return True
        if row.exists():
            return False
        try:
            PollerLease.objects.create(pk=PollerLease.ONLY, holder=self._holder, expires_at=Now() + LASTS)
        except IntegrityError:  # another machine was faster by a moment
            return False
        return True

    def give_back(self) -> None:
        if self._lock is None:
            return
        try:
            PollerLease.objects.filter(pk=PollerLease.ONLY, holder=self._holder).update(holder="", expires_at=Now())
        finally:
            self._lock.release()
            self._lock = None

    def _lock_here(self) -> bool:
        lock = FileLock(settings.DATA_DIR / FILE)
        try:
            if not lock.take():
                return False
            name = _name_of(lock)
        except OSError:
            lock.release()
            raise
        # With the machine's name: where a network volume does not carry the lock, its machines are told apart.
        self._place = hashlib.sha256(name + platform.node().encode()).hexdigest()[:16] + ":"
        self._holder = self._place + uuid4().hex[:16]
        self._lock = lock
        return True


def _name_of(lock: FileLock) -> bytes:
    """Two volumes on machines of one name are two places: each lock gets a name of its own, in its file."""
    try:
        if name := lock.path.read_bytes()[:32]:
            return name
    except FileNotFoundError:  # a volume without locks
        pass
    name = uuid4().hex.encode()
    descriptor = os.open(lock.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(name)
    return name
