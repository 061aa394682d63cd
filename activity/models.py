"""What happened here, kept for the number of days that Settings says."""

from __future__ import annotations

from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from activity import events
from activity.database_clock import database_now
from activity.fields import MaskedCharField, MaskedJSONField
from volumes.file_names import legible
from webclient.url_policy import masked_text


class Activity(models.Model):
    class Type(models.TextChoices):
        DOWNLOAD = "download", "Download"
        GENERATION = "generation", "Generation"
        PRESET = "preset", "Preset"
        SETTINGS = "settings", "Settings"
        ERROR = "error", "Error"

    class Status(models.TextChoices):
        STARTED = "started", "Started"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        PAUSED = "paused", "Paused"
        WAITING = "waiting", "Waiting"
        CANCELLED = "cancelled", "Cancelled"
        WARNING = "warning", "Warning"
        INTERRUPTED = "interrupted", "Interrupted"
        REMOVED = "removed", "Removed"
        LOST = "lost", "Lost"

    type = models.CharField(max_length=20, choices=Type)
    status = models.CharField(max_length=20, choices=Status)
    title = MaskedCharField(max_length=200)
    subtitle = MaskedCharField(max_length=500, blank=True)
    details = MaskedJSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "activity"
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "activity"
        # id breaks ties, so that a page of any filter is read off one index without sorting.
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="activity_created"),
            models.Index(fields=["type", "-created_at", "-id"], name="activity_type"),
            models.Index(fields=["status", "-created_at", "-id"], name="activity_status"),
            models.Index(fields=["type", "status", "-created_at", "-id"], name="activity_type_status"),
        ]

    def __str__(self) -> str:
        return str(self.title)

    @classmethod
    def log(cls, type: str, status: str, title: str, subtitle: str = "", **details: Any) -> Activity:
        """Write an entry in the caller's transaction, and tell the open dashboards once that has committed.

        Texts that are too long are cut: an entry must never be the reason that something else fails.
        """
        entry = cls.objects.create(
            type=type,
            status=status,
            title=_fit(title, 200),
            subtitle=_fit(subtitle, 500),
            details=details,
            created_at=database_now(),
        )
        events.broadcast(
            {
                "type": "activity",
                "id": entry.pk,
                "activity_type": entry.type,
                "status": entry.status,
                "title": entry.title,
                "subtitle": entry.subtitle,
                "created_at": entry.created_at.isoformat(),
            }
        )
        return entry


def _fit(text: str, length: int) -> str:
    text = masked_text(legible(text).replace("\x00", ""))  # PostgreSQL refuses NUL in text
    return text if len(text) <= length else text[: length - 1] + "…"
