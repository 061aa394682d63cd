"""What the dashboards are told. Events are hints: whoever reads one looks at the rows for the truth."""

from __future__ import annotations

from django.db import transaction

import extension_points
from activity.events import broadcast


def queue_updated() -> None:
    """The consumer adds current, queue and items when it sends this on."""
    broadcast({"type": "queue_updated"})


def download_ended(
    kind: str, *, preset_id: str, download_id: int, file: str, reason: str, error: str, tries: int
) -> None:
    """``kind``: download_complete, download_failed or download_waiting. ``file`` is the path of the one in trouble."""
    broadcast(
        {
            "type": kind,
            "preset_id": preset_id,
            "download_id": download_id,
            "file": file,
            "reason": reason,
            "error": error,
            "retry_count": tries,
        }
    )
    queue_updated()


def wake_worker() -> None:
    """Ask a worker to look at the rows, once the change that it is to find is committed."""
    for wake in extension_points.wake_ups:
        # robust: a queue file that cannot be written is logged; the worker looks by itself once a minute.
        transaction.on_commit(wake, robust=True)
