"""One poller at a time: on one machine the kernel knows whether it lives, between machines a row that is renewed."""

from __future__ import annotations

import fcntl
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

LASTS = timedelta(seconds=30)  # how long nobody watches after a machine died; longer than a poller waits at most
RENEW = 10.0  # seconds
FILE = "comfyui.lock"  # in the data directory


class Lease:
    """``take()`` again and again. Raises DatabaseError, and OSError where the data directory cannot be written.

    Who has the lock of a data directory knows that whoever had it before is dead: the poller of a killed worker is
    followed at once. The row's time, by the database's clock and no machine's own, counts only between machines.
    """

    def __init__(self) -> None:
        self._lock: int | None = None
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
            os.close(self._lock)
            self._lock = None

    def _lock_here(self) -> bool:
        lock = os.open(settings.DATA_DIR / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            name = os.read(lock, 32) or _named(lock)
        except OSError as error:
            os.close(lock)
            if isinstance(error, BlockingIOError):
                return False
            raise
        # With the machine's name: where a network volume does not carry the lock, its machines are told apart.
        self._place = hashlib.sha256(name + platform.node().encode()).hexdigest()[:16] + ":"
        self._holder = self._place + uuid4().hex[:16]
        self._lock = lock
        return True


def _named(lock: int) -> bytes:
    """Two volumes on machines of one name are two places: each lock gets a name of its own."""
    name = uuid4().hex.encode()
    os.write(lock, name)
    return name
