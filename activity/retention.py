"""How long the log is kept."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

import extension_points
from activity.models import Activity

DEFAULT_DAYS = 30


def days() -> int:
    """How many days are kept, as Settings has it now."""
    return next((asked() for asked in extension_points.retention_days), DEFAULT_DAYS)


def prune(days: int) -> int:
    """Delete entries older than days (at least 1); answers how many. Raises ValueError for fewer than one day."""
    if days < 1:
        raise ValueError(f"{days} days would delete everything. Keep at least 1 day.")
    deleted, _ = Activity.objects.filter(created_at__lt=timezone.now() - timedelta(days=days)).delete()
    return deleted


def clear() -> int:
    deleted, _ = Activity.objects.all().delete()
    return deleted
