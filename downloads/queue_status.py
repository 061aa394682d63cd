"""How the queue looks from outside, for the API, the socket and the pages, each answer of a bounded size."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, F, Sum, When

from downloads.bounded_json import MOST_BYTES, bounded, message_bytes
from downloads.models import ACTIVE, DownloadFile, DownloadHistory, FileStatus, Status
from webclient.url_policy import masked

IDS = 500  # of queued installs in one answer
ITEMS = 50  # of each status that waits
MOST_ITEMS = 600  # of all statuses together: more than message.MOST_BYTES has room for
FILES = 100  # of one install
ROW_BYTES = 20_000  # of one that is not running; only its error can be longer
IN_LINE = (Status.WAITING, Status.PAUSED, Status.QUEUED)  # as they are told


@dataclass(frozen=True)
class Census:
    """The queue counted by the database: one query, whatever its length."""

    counts: dict[str, int]
    revision: str  # another one whenever a row comes, goes, changes its status or its place; else the same

    @property
    def total(self) -> int:
        return sum(self.counts.values())


PRIME = 2**31 - 1  # the product of two remainders fits 64 bits


def census() -> Census:
    rows = (
        DownloadHistory.objects.active()
        .order_by("status")
        .values("status")
        .annotate(
            number=Count("pk"),
            ids=Sum("pk"),
            places=Sum("position"),
            # Two rows that change places change no sum but that of the products.
            order=Sum((F("pk") % PRIME) * (F("position") % PRIME) % PRIME),
        )
    )
    found = [(row["status"], row["number"], int(row["ids"]), int(row["places"]), int(row["order"])) for row in rows]
    revision = hashlib.sha256(repr(found).encode()).hexdigest()[:16]
    counts = {str(status): 0 for status in ACTIVE} | {str(line[0]): line[1] for line in found}
    return Census(counts, revision)


def queue_head(offset: int = 0, limit: int = IDS) -> dict[str, Any]:
    """What each message about the queue begins with: how long it is, and the first ids."""
    counted = census()
    current = DownloadHistory.objects.filter(status=Status.DOWNLOADING).values_list("preset_id", flat=True).first()
    queued = DownloadHistory.objects.filter(status=Status.QUEUED).order_by("position", "id")
    return {
        "current": current,
        "queue": list(queued.values_list("preset_id", flat=True)[offset : offset + limit]),
        "queue_total": counted.counts[Status.QUEUED],
        "counts": counted.counts,
        "revision": counted.revision,
        "active_downloads": counted.counts[Status.DOWNLOADING],
    }


def queue_status(offset: int = 0, limit: int | None = None) -> dict[str, Any]:
    """The one picture that API and socket show: the head and the rows that matter first, within message.MOST_BYTES.

    A page of it takes entries ``offset`` to ``offset + limit`` of each status, and of ``queue``; the running one stands
    on the first. Where that is too large, each status gives up the same number, so that none is left out of the pages.
    ``next_offset`` is where the next page has to begin, None after the last.
    """
    head = queue_head(offset, limit or IDS)
    running = list(DownloadHistory.objects.filter(status=Status.DOWNLOADING)) if offset == 0 else []
    first = [bounded(describe(row, files=True), MOST_BYTES // 3) for row in running]
    told = [status for status in IN_LINE if head["counts"][status] > offset]
    step = min(limit or ITEMS, MOST_ITEMS // max(len(told), 1))
    lines = [_described(status, offset, step) for status in told]
    room = MOST_BYTES - message_bytes({**head, "items": first, "next_offset": 0})
    shown = _how_many_fit(lines, room, step)
    items = first + [item for line in lines for item in line[:shown]]
    longest = max((head["counts"][status] for status in told), default=0)
    if limit and shown < limit:
        head["queue"] = head["queue"][:shown]
    return {**head, "items": items, "next_offset": offset + shown if longest > offset + shown else None}


def _described(status: Status, offset: int, number: int) -> list[dict[str, Any]]:
    rows = DownloadHistory.objects.filter(status=status).order_by("position", "id")
    return [bounded(describe(row), ROW_BYTES) for row in rows[offset : offset + number]]


def _how_many_fit(lines: list[list[dict[str, Any]]], room: int, most: int) -> int:
    """Of each line; at least one, or the next page would be the same."""
    for number in range(most):
        room -= sum(message_bytes(line[number]) + 1 for line in lines if number < len(line))
        if room < 0:
            return max(number, 1)
    return most


def told_files(row: DownloadHistory) -> list[DownloadFile]:
    """The files of a row that are shown, at most FILES: those that move or have failed first."""
    moving = [FileStatus.DOWNLOADING, FileStatus.RETRYING, FileStatus.VERIFYING]
    rank = Case(When(status__in=moving, then=0), When(status=FileStatus.FAILED, then=1), default=2)
    return list(row.files.order_by(rank, "id")[:FILES])


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
        answer["files"] = [describe_file(file) for file in told_files(row)]
    return answer


def describe_file(file: DownloadFile) -> dict[str, Any]:
    return {
        "path": file.path,
        "url": masked(file.url),
        "optional": file.optional,
        "status": file.status,
        "bytes_done": file.bytes_done,
        "bytes_total": file.bytes_total,
        "sha256": file.sha256,
        "speed": file.speed,
        "error": file.error,
    }
