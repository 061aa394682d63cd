"""How long the log is kept."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from activity.models import Activity


def prune(days: int) -> int:
    """Delete entries older than days (at least 1); answers how many. Raises ValueError for fewer than one day."""
    if days < 1:
        raise ValueError(f"{days} days would delete everything. Keep at least 1 day.")
    deleted, _ = Activity.objects.filter(created_at__lt=timezone.now() - timedelta(days=days)).delete()
    return deleted


def clear() -> int:
    """Delete every entry; answers how many."""
    deleted, _ = Activity.objects.all().delete()
    return deleted
