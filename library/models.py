"""What was computed about files for Storage alone: hashes of files that nobody vouches for, and the search for them."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q

from activity.database_clock import database_now

SILENT = timedelta(seconds=60)  # a search that wrote nothing for so long has died with its worker


class FileHash(models.Model):
    """The SHA-256 of a file as it was; worth nothing once size or time differ."""

    path = models.CharField(max_length=1024, unique=True, help_text="as on disk, relative to its models folder")
    size = models.PositiveBigIntegerField(help_text="bytes")
    mtime_ns = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        db_table = "file_hash"

    def __str__(self) -> str:
        return self.path


class DuplicateSearch(models.Model):
    """The one search for files with the same content: asked for by a person, run by the worker."""

    ONLY = 1

    seen_at = models.DateTimeField(null=True, help_text="when the search last wrote")
    finished_at = models.DateTimeField(null=True)
    bytes_done = models.PositiveBigIntegerField(default=0)
    bytes_total = models.PositiveBigIntegerField(default=0, help_text="bytes to read; 0 before they are counted")

    class Meta:
        db_table = "duplicate_search"

    def __str__(self) -> str:
        return "running" if self.is_running else f"finished {self.finished_at}"

    @classmethod
    def latest(cls) -> DuplicateSearch:
        return cls.objects.filter(pk=cls.ONLY).first() or cls(pk=cls.ONLY)

    @classmethod
    def begin(cls) -> bool:
        """Mark it as running; False when it is running already, whoever asked for that."""
        cls.objects.get_or_create(pk=cls.ONLY)
        idle = Q(seen_at=None) | Q(finished_at__isnull=False) | Q(seen_at__lt=database_now() - SILENT)
        begun = cls.objects.filter(idle, pk=cls.ONLY)
        return bool(begun.update(seen_at=database_now(), finished_at=None, bytes_done=0, bytes_total=0))

    @property
    def is_running(self) -> bool:
        return self.seen_at is not None and self.finished_at is None and database_now() - self.seen_at < SILENT
