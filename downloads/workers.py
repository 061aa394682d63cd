"""The workers of this database: which of them live, and which one works the queue off."""

from __future__ import annotations

import os
from datetime import timedelta

from django.db import models
from django.db.models import Exists, F, Q
from django.db.models.functions import Now


class WorkerState(models.Model):
    """One row: the lock that claims take turns on, and when any worker was seen, for webs of an earlier version."""

    ONLY = 1

    seen_at = models.DateTimeField(null=True)
    host = models.CharField(max_length=200, blank=True, default="")
    pid = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "worker_state"

    def __str__(self) -> str:
        return f"worker {self.pid} on {self.host}, seen {self.seen_at}"


class WorkerQuerySet(models.QuerySet["Worker"]):
    def seen_recently(self) -> WorkerQuerySet:
        """Those that live, by the database's clock alone: a machine's own may be minutes off.

        One that was seen in the future says that this clock was set back, and is as good as not seen.
        """
        return self.filter(seen_at__range=(Now() - Worker.DEAD_AFTER, Now() + Worker.DEAD_AFTER))


class Worker(models.Model):
    """A worker's process, idle or not. One that was not seen for a day is forgotten."""

    DEAD_AFTER = timedelta(seconds=30)  # without a beat
    FORGOTTEN_AFTER = timedelta(days=1)

    name = models.CharField(max_length=32, unique=True, help_text="chosen at random by the process")
    host = models.CharField(max_length=200)
    pid = models.PositiveIntegerField()
    version = models.CharField(max_length=32)
    started_at = models.DateTimeField(help_text="by the database's clock, as seen_at")
    seen_at = models.DateTimeField(db_index=True)

    objects = WorkerQuerySet.as_manager()

    class Meta:
        db_table = "worker"
        ordering = ("-seen_at",)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, version {self.version}"

    @classmethod
    def beat(cls, name: str, host: str, pid: int, version: str) -> None:
        """It lives. Raises DatabaseError."""
        if not cls.objects.filter(name=name).update(seen_at=Now()):
            cls.objects.create(name=name, host=host, pid=pid, version=version, started_at=Now(), seen_at=Now())
            cls.objects.filter(seen_at__lt=Now() - cls.FORGOTTEN_AFTER).delete()


class WorkerLease(models.Model):
    """Who works the queue off where several machines share PostgreSQL; on one machine a lock file says so.

    One row, changed by compare-and-set with the database's clock. ``fence`` grows with each taking, and what a worker
    writes is filtered by its own: once another one took the lease, nothing of the earlier holder counts.
    """

    ONLY = 1
    LASTS = timedelta(seconds=float(os.environ.get("COMFYDASH_LEASE_SECONDS", "20")))  # lowered by tests only

    fence = models.PositiveBigIntegerField(default=0)
    holder = models.CharField(max_length=64, blank=True, default="", help_text='"" when it was given back')
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "worker_lease"

    def __str__(self) -> str:
        return f"lease {self.fence} of {self.holder or 'nobody'}, until {self.expires_at}"

    @classmethod
    def is_free(cls) -> bool:
        return not cls.objects.exists() or cls._free().exists()

    @classmethod
    def unbroken(cls, fence: int) -> Q:
        """For any query: whether nobody took the lease since the one that has this fence. 0: a lock takes its place."""
        return Q(Exists(cls.objects.filter(pk=cls.ONLY, fence=fence))) if fence else Q()

    @classmethod
    def take(cls, holder: str, dead: str = "") -> WorkerLease | None:
        """The lease as it is now, ``holder`` in it being new with each taking; None while another one holds it.

        ``dead`` is what the names of holders begin with that are known to be.
        """
        WorkerLease.objects.bulk_create([WorkerLease(pk=cls.ONLY, expires_at=Now())], ignore_conflicts=True)
        free = cls._free() | cls.objects.filter(pk=cls.ONLY, holder__startswith=f"{dead}-") if dead else cls._free()
        if not free.update(holder=holder, fence=F("fence") + 1, expires_at=Now() + cls.LASTS):
            return None
        return cls.objects.filter(pk=cls.ONLY, holder=holder).first()

    def renew(self) -> bool:
        """For LASTS from now, also when it has run out but nobody took it; False when another one has."""
        return bool(self._own().update(expires_at=Now() + self.LASTS))

    def give_back(self) -> None:
        self._own().update(holder="", expires_at=Now())

    @classmethod
    def _free(cls) -> models.QuerySet[WorkerLease]:
        return cls.objects.filter(pk=cls.ONLY).filter(Q(holder="") | Q(expires_at__lt=Now()))

    def _own(self) -> models.QuerySet[WorkerLease]:
        return WorkerLease.objects.filter(pk=self.pk, fence=self.fence, holder=self.holder)
