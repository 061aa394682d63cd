"""The queue as a whole: how installs enter it, and how it looks from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from downloads import events
from downloads.models import DownloadFile, DownloadHistory, Status, WantedFile
from downloads.transfer import parse_model_path

__all__ = [
    "WantedFile",
    "enqueue",
    "failed",
    "file_sources",
    "files_today",
    "queue_status",
    "retry_failed",
    "wake_worker",
]

wake_worker = events.wake_worker

# Catalogues that know what an id means today; apps above this one append theirs when they are ready.
file_sources: list[Callable[[str], Sequence[WantedFile] | None]] = []


def files_today(preset_id: str) -> Sequence[WantedFile] | None:
    """The files of this id by the first catalogue that knows it, or None."""
    return next((files for source in file_sources if (files := source(preset_id)) is not None), None)


def enqueue(
    preset_id: str, title: str, files: Iterable[WantedFile], *, force: bool = False, conflict: str = ""
) -> tuple[DownloadHistory, bool]:
    """Put an install at the end of the queue: ``(row, True)``, or ``(the active row of this id, False)``.

    ``conflict`` (replace, keep_both) says what to do where other bytes have the place of a file; it is also written
    on the row that is active already.

    Raises TransferError (forbidden_path) before anything is stored when a path could leave the models folder, and
    ValueError when there is nothing to fetch.
    """
    wanted = {parse_model_path(file.path): file for file in files}
    if not wanted:
        raise ValueError(f"“{title}” lists no files, so there is nothing to install.")
    for last in (False, False, True):
        try:
            return _find_or_create(preset_id, title, wanted, force, conflict)
        except IntegrityError:  # another click was faster (the constraint one_active_per_preset): find its row
            if last:
                raise
    raise AssertionError("not reached")


def _find_or_create(
    preset_id: str, title: str, wanted: dict[str, WantedFile], force: bool, conflict: str
) -> tuple[DownloadHistory, bool]:
    with transaction.atomic():
        if row := DownloadHistory.objects.filter(preset_id=preset_id).active().first():
            row.wish(conflict)
            return row, False
        row = DownloadHistory.objects.create(
            preset_id=preset_id,
            title=title[:300],
            force=force,
            conflict=conflict,
            position=DownloadHistory.last_position() + 1,
            files_total=len(wanted),
            bytes_total=sum(file.size or 0 for file in wanted.values()),
        )
        DownloadFile.objects.bulk_create(
            DownloadFile(
                download=row,
                path=path,
                url=file.url,
                optional=file.optional,
                bytes_total=file.size or 0,
                sha256=file.sha256,
                pinned=bool(file.sha256),
            )
            for path, file in wanted.items()
        )
        events.queue_updated()
        events.wake_worker()
        return row, True


def failed() -> QuerySet[DownloadHistory]:
    """Failed installs that nobody has tried again since, newest first."""
    return DownloadHistory.objects.filter(~Exists(newer()), status=Status.FAILED).order_by("-id")


def newer() -> QuerySet[DownloadHistory]:
    """For a subquery: later installs of the same id."""
    return DownloadHistory.objects.filter(preset_id=OuterRef("preset_id"), pk__gt=OuterRef("pk"))


def retry_failed() -> int:
    """Queue again what failed and was not installed or queued since, oldest first; the number of new rows."""
    rows = list(failed().reverse())
    for row in rows:
        row.retry()
    return len(rows)


def active_rows() -> list[DownloadHistory]:
    files = Prefetch("files", queryset=DownloadFile.objects.order_by("id"))
    return list(DownloadHistory.objects.active().in_queue_order().prefetch_related(files))


def queue_status() -> dict[str, Any]:
    """``{current, queue, active_downloads, items}``: the one picture that API, socket and pages show."""
    rows = active_rows()
    current = next((row.preset_id for row in rows if row.status == Status.DOWNLOADING), None)
    return {
        "current": current,
        "queue": [row.preset_id for row in rows if row.status == Status.QUEUED],
        "active_downloads": sum(row.status == Status.DOWNLOADING for row in rows),
        "items": [describe(row, files=True) for row in rows],
    }


def describe(row: DownloadHistory, *, files: bool = False) -> dict[str, Any]:
    """A row as the API and the socket show it; times as ISO 8601 UTC, sizes in bytes."""
    answer: dict[str, Any] = {
        "id": row.pk,
        "preset_id": row.preset_id,
        "title": row.title,
        "status": row.status,
        "reason": row.reason,
        "error_message": row.error_message,
        "files_completed": row.files_completed,
        "files_total": row.files_total,
        "bytes_done": row.bytes_done,
        "bytes_total": row.bytes_total,
        "attempts": row.attempts,
        "position": row.position,
        "progress": row.progress,
        **{
            name: moment.isoformat().replace("+00:00", "Z") if (moment := getattr(row, name)) else None
            for name in ("queued_at", "started_at", "completed_at")
        },
    }
    if files:
        answer["files"] = [describe_file(file) for file in row.files.all()]
    return answer


def describe_file(file: DownloadFile) -> dict[str, Any]:
    return {
        "path": file.path,
        "url": file.url,
        "optional": file.optional,
        "status": file.status,
        "bytes_done": file.bytes_done,
        "bytes_total": file.bytes_total,
        "sha256": file.sha256,
        "speed": file.speed,
        "error": file.error,
    }
