"""What the pages show of the queue and of the history; one function per live piece."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import Exists, Q
from django.utils import timezone

from downloads.models import ACTIVE, ENDED, DownloadFile, DownloadHistory, FileStatus, Status
from downloads.options import transfer_options
from downloads.queue import active_rows, newer
from downloads.transfer.addresses import Hub, masked

HISTORY_PAGE = 50  # rows
MOST_PAGES = 20  # that one answer brings at once
Item = TypeVar("Item")


@dataclass(frozen=True)
class Line:
    """An active install as pages show it: its row, its files and what follows from both."""

    row: DownloadHistory
    files: list[DownloadFile]

    @property
    def speed(self) -> float:
        """Bytes per second of the files that move right now."""
        return sum(file.speed for file in self.files) if self.row.status == Status.DOWNLOADING else 0

    @property
    def eta(self) -> float | None:
        """Seconds to the end at this speed; None when nothing moves or the size is unknown."""
        left = self.row.bytes_total - self.row.bytes_done
        return left / self.speed if self.speed > 1 and left > 0 else None

    @property
    def phase(self) -> str:
        """Verifying, or Retrying and which time, while a file does so; otherwise nothing."""
        if self.row.status != Status.DOWNLOADING:
            return ""
        states = {file.status for file in self.files}
        if FileStatus.RETRYING in states or self.retry_in:
            return f"Retrying ({self.row.attempts}/{transfer_options().max_attempts})"
        return "Verifying" if FileStatus.VERIFYING in states else ""

    @property
    def retry_in(self) -> float:
        """Seconds to the next try while the install backs off, otherwise 0."""
        if self.row.status != Status.DOWNLOADING or self.row.retry_at is None:
            return 0
        return max(0, (self.row.retry_at - timezone.now()).total_seconds())

    @property
    def repository(self) -> str:
        """The page of the repository that refused: where a licence is accepted."""
        refused = next((file for file in self.files if file.error), None) or next(iter(self.files), None)
        return repository_page(refused.url) if refused else ""


def repository_page(url: str) -> str:
    """``https://host/ORG/REPO`` of a file on the Hub; any other address itself, without its secrets."""
    return Hub(settings.HF_ENDPOINT).repository_page(url) or masked(url)


@dataclass(frozen=True)
class Board:
    """The active installs, sorted into what a person asks for."""

    running: list[Line]
    queued: list[Line]
    paused: list[Line]
    waiting: list[Line]

    @property
    def count(self) -> int:
        return len(self.running) + len(self.queued) + len(self.paused) + len(self.waiting)


def board() -> Board:
    lines = [Line(row, list(row.files.all())) for row in active_rows()]
    by_status = {status: [line for line in lines if line.row.status == status] for status in ACTIVE}
    return Board(
        by_status[Status.DOWNLOADING], by_status[Status.QUEUED], by_status[Status.PAUSED], by_status[Status.WAITING]
    )


def line_of(row: DownloadHistory) -> Line:
    return Line(row, list(row.files.all()))


def page_of(items: Sequence[Item], size: int, number: str, shown: str = "") -> Page[Item]:
    """A page of cards, and those after it that were scrolled to: ``shown`` cards stand there and are fetched anew."""
    paginator = Paginator(items, size)
    first = paginator.get_page(number)
    more = min(-(-int(shown[:6]) // size), MOST_PAGES) - 1 if shown.isdecimal() else 0
    last = paginator.get_page(first.number + max(0, more))
    last.object_list = items[first.start_index() - 1 if items else 0 : last.end_index()]
    return last


def queue_button() -> dict[str, object]:
    """The button in the header of each page: one small query, whatever the queue's length."""
    rows = list(DownloadHistory.objects.active().in_queue_order().defer("error_message"))
    running = next((row for row in rows if row.status == Status.DOWNLOADING), None)
    queued = [row.preset_id for row in rows if row.status == Status.QUEUED]
    seen = [running.preset_id if running else None, queued]
    return {
        "count": len(rows),
        "running": running,
        "seen": json.dumps(seen, separators=(",", ":")),
        "waiting": any(row.status == Status.WAITING for row in rows),
    }


def history(status: str, words: str, number: str) -> Page[DownloadHistory]:
    """Ended installs, newest first. ``may_retry``: it went wrong, and no newer one took its place."""
    rows = DownloadHistory.objects.filter(status__in=ENDED)
    if status in ENDED:
        rows = rows.filter(status=status)
    if words:
        rows = rows.filter(Q(title__icontains=words) | Q(preset_id__icontains=words))
    rows = rows.annotate(may_retry=Q(status__in=[Status.FAILED, Status.CANCELLED]) & ~Exists(newer()))
    return Paginator(rows.order_by("-id"), HISTORY_PAGE).get_page(number)


def history_of(preset_id: str, most: int = 20) -> list[DownloadHistory]:
    """The newest installs of one preset."""
    return list(DownloadHistory.objects.filter(preset_id=preset_id).order_by("-id")[:most])
