"""Rows of a long queue and of years: written once into a database, and put back after each round of verbs.

python -m bench.postgresql.rows QUEUED HISTORY ACTIVITIES, with the environment of a dashboard
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta

PRESETS = 600  # of the catalogue; none of them is in the queue
BATCH = 5_000
TIDY_UP = (
    "DELETE FROM download_file WHERE download_id > {last}",
    "DELETE FROM download_history WHERE id > {last}",
    "UPDATE download_history SET status = 'queued', position = id WHERE id > {history} "
    "AND (status <> 'queued' OR position <> id)",
    "UPDATE download_history SET is_latest = TRUE WHERE NOT is_latest "
    "AND id IN (SELECT MAX(id) FROM download_history GROUP BY preset_id)",
)


def fill(queued: int, history: int, activities: int) -> None:
    from django.utils import timezone

    from activity.models import Activity
    from downloads.bulk import insert
    from downloads.models import DownloadFile, DownloadHistory, FileStatus, Status

    now, ended = timezone.now(), [Status.COMPLETED] * 8 + [Status.FAILED, Status.CANCELLED]
    for first in range(0, history, BATCH):
        numbers = range(first, min(first + BATCH, history))
        insert(
            DownloadHistory,
            [
                DownloadHistory(
                    preset_id=f"P{number % PRESETS}",
                    title=f"Preset {number % PRESETS}",
                    status=ended[number % 10],
                    files_total=1,
                    bytes_total=10**9,
                    position=number + 1,
                    queued_at=now - timedelta(minutes=history - number),
                    completed_at=now - timedelta(minutes=history - number),
                )
                for number in numbers
            ],
        )
    for first in range(0, queued, BATCH):
        numbers = range(first, min(first + BATCH, queued))
        insert(
            DownloadHistory,
            [
                DownloadHistory(
                    preset_id=f"workflow:one-file-{number}",
                    title=f"One file {number}",
                    files_total=1,
                    bytes_total=1_000_000,
                    position=history + number + 1,
                )
                for number in numbers
            ],
        )
    for first in range(0, history + queued, BATCH):
        rows = DownloadHistory.objects.order_by("id")[first : first + BATCH]
        insert(
            DownloadFile,
            [
                DownloadFile(
                    download_id=row.pk,
                    path=f"loras/{row.pk}.safetensors",
                    url=f"{os.environ['HF_ENDPOINT']}/bench/models/resolve/main/{row.pk}.safetensors",
                    status=FileStatus.PENDING if row.status == Status.QUEUED else FileStatus.COMPLETED,
                    bytes_total=row.bytes_total,
                )
                for row in rows
            ],
        )
    DownloadHistory.find_latest()
    kinds = [Activity.Type.DOWNLOAD, Activity.Type.GENERATION]
    for first in range(0, activities, BATCH):
        insert(
            Activity,
            [
                Activity(
                    type=kinds[number % 2],
                    status=Activity.Status.COMPLETED,
                    title=f"Entry {number}",
                    created_at=now - timedelta(minutes=activities - number),
                )
                for number in range(first, min(first + BATCH, activities))
            ],
        )


if __name__ == "__main__":
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "comfydash.settings"
    django.setup()
    fill(*map(int, sys.argv[1:4]))
