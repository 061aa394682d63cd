"""What the dashboards are told. Events are hints: whoever reads one looks at the rows for the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from activity.events import broadcast

if TYPE_CHECKING:
    from downloads.models import DownloadHistory


def queue_updated() -> None:
    """The consumer adds current, queue and items when it sends this on."""
    broadcast({"type": "queue_updated"})


def download_ended(row: DownloadHistory, kind: str) -> None:
    """``kind``: download_complete, download_failed or download_waiting."""
    in_trouble = row.files.exclude(error="").first()
    broadcast(
        {
            "type": kind,
            "preset_id": row.preset_id,
            "download_id": row.pk,
            "file": in_trouble.path if in_trouble else "",
            "reason": row.reason,
            "error": row.error_message,
            "retry_count": row.attempts,
        }
    )
    queue_updated()


def wake_worker() -> None:
    """Ask a worker to look at the rows, once the change that it is to find is committed."""
    from downloads.tasks import drain_queue

    # robust: a queue file that cannot be written is logged; the worker looks by itself once a minute.
    transaction.on_commit(lambda: drain_queue(), robust=True)
