"""What the pages show of the queue and of the history; one function per live piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Case, OuterRef, QuerySet, Subquery, When

from activity.database_clock import database_now
from downloads.configured_hosts import configured_hosts
from downloads.models import DownloadFile, DownloadHistory, FileStatus, Status
from downloads.queue_status import census, told_files
from downloads.transfer_options import transfer_options
from webclient.url_policy import masked

BOARD_PAGE = 25  # rows of each status
FEW_FILES = 10  # of an install, all of which are at sight
MOVING = frozenset({FileStatus.DOWNLOADING, FileStatus.RETRYING, FileStatus.VERIFYING})


@dataclass(frozen=True)
class Line:
    """An active install as pages show it: its row, its files and what follows from both."""

    row: DownloadHistory
    files: list[DownloadFile]  # those that are shown, see told_files; none where no page shows them
    refused_url: str = ""  # of the file that was refused, else of the first one

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
        """Writing, Verifying, or Retrying and which time, while files do nothing else; otherwise nothing."""
        if self.row.status != Status.DOWNLOADING:
            return ""
        states = {file.status for file in self.files} & MOVING
        if states == {FileStatus.RETRYING} or self.retry_in:
            return f"Retrying ({self.row.attempts}/{transfer_options().max_attempts})"
        if not self.speed and any(file.waits_for_disk for file in self.files):
            return "Writing"
        return "Verifying" if FileStatus.VERIFYING in states and FileStatus.DOWNLOADING not in states else ""

    @property
    def retry_in(self) -> float:
        """Seconds to the next try while the install backs off, otherwise 0."""
        if self.row.status != Status.DOWNLOADING or self.row.retry_at is None:
            return 0
        return max(0, (self.row.retry_at - database_now()).total_seconds())

    @property
    def repository(self) -> str:
        """The page of the repository that refused: where a licence is accepted."""
        return repository_page(self.refused_url) if self.refused_url else ""

    @property
    def files_at_sight(self) -> list[DownloadFile]:
        """All of a few; of many those that move or have failed."""
        if self.row.files_total <= FEW_FILES:
            return self.files
        return [file for file in self.files if file.status in MOVING | {FileStatus.FAILED}]

    @property
    def files_folded(self) -> list[DownloadFile]:
        """Those that a person may unfold."""
        at_sight = {file.pk for file in self.files_at_sight}
        return [file for file in self.files if file.pk not in at_sight]

    @property
    def files_out_of_sight(self) -> int:
        return max(0, self.row.files_total - len(self.files_at_sight))

    @property
    def files_left_out(self) -> int:
        return max(0, self.row.files_total - len(self.files))


def repository_page(url: str) -> str:
    """``https://host/ORG/REPO`` of a file on a host with pages; any other address itself, without its secrets."""
    return configured_hosts().of(url).page(url) or masked(url)


@dataclass(frozen=True)
class Shown:
    """A page of the active installs of one status; true when there are any at all."""

    name: str  # of the page's number in the address
    lines: list[Line]
    page: int
    total: int
    asked: Mapping[str, str]  # the rest of the address

    def __bool__(self) -> bool:
        return self.total > 0

    def __iter__(self) -> Iterator[Line]:
        return iter(self.lines)

    @property
    def asked_page(self) -> str:
        return self.asked.get(self.name, "")

    @property
    def first(self) -> int:
        """Place of the first one shown, from 0."""
        return (self.page - 1) * BOARD_PAGE

    @property
    def last(self) -> int:
        return self.first + len(self.lines)

    @property
    def previous(self) -> int:
        """Number of the page before, 0 for none."""
        return self.page - 1

    @property
    def next(self) -> int:
        return self.page + 1 if self.last < self.total else 0

    @property
    def before(self) -> str:
        return self._address(self.previous)

    @property
    def after(self) -> str:
        return self._address(self.next)

    def _address(self, page: int) -> str:
        return "?" + urlencode({name: self.asked[name] for name in self.asked} | {self.name: str(page)})

    @property
    def more(self) -> int:
        """How many stand behind what is shown."""
        return self.total - self.last


@dataclass(frozen=True)
class Board:
    """The active installs, sorted into what a person asks for, a page of each."""

    running: list[Line]
    queued: Shown
    paused: Shown
    waiting: Shown

    @property
    def turned(self) -> list[Shown]:
        """Of which the address says a page."""
        return [shown for shown in (self.queued, self.paused, self.waiting) if shown.asked_page]

    @property
    def count(self) -> int:
        return len(self.running) + self.queued.total + self.paused.total + self.waiting.total


def board(pages: Mapping[str, str] | None = None) -> Board:
    """A fixed number of queries and at most BOARD_PAGE rows of each status. ``pages``: number by name of the status."""
    counts = census().counts
    rows = DownloadHistory.objects.order_by("position", "id")
    shown = []
    for status in (Status.QUEUED, Status.PAUSED, Status.WAITING):
        total, number = counts[status], (pages or {}).get(status, "1")
        wanted = int(number) if number.isdecimal() and len(number) < 10 else 1
        page = max(1, min(wanted, -(-total // BOARD_PAGE)))
        start = (page - 1) * BOARD_PAGE
        lines = lines_of(rows.filter(status=status)[start : start + BOARD_PAGE]) if total else []
        shown.append(Shown(str(status), lines, page, total, pages or {}))
    running = lines_of(rows.filter(status=Status.DOWNLOADING)) if counts[Status.DOWNLOADING] else []
    return Board(running, *shown)


def lines_of(rows: QuerySet[DownloadHistory]) -> list[Line]:
    """The files only of what runs: elsewhere no list shows them."""
    refused_first = Case(When(error="", then=1), default=0)
    files = DownloadFile.objects.filter(download=OuterRef("pk")).order_by(refused_first, "id")
    lines = []
    for row in rows.annotate(refused_url=Subquery(files.values("url")[:1])):
        is_running = row.status == Status.DOWNLOADING
        lines.append(Line(row, told_files(row) if is_running else [], row.refused_url or ""))
    return lines


def lines_by_id(preset_ids: Iterable[str]) -> dict[str, Line]:
    rows = DownloadHistory.objects.active().filter(preset_id__in=list(preset_ids))
    return {line.row.preset_id: line for line in lines_of(rows)}


def line_of(row: DownloadHistory) -> Line:
    files = told_files(row)
    refused = next((file for file in files if file.error), None) or next(iter(files), None)
    return Line(row, files, refused.url if refused else "")


def queue_button() -> dict[str, object]:
    """The button in the header of each page: counted by the database, whatever the queue's length."""
    counted = census()
    running = None
    if counted.counts[Status.DOWNLOADING]:
        running = DownloadHistory.objects.filter(status=Status.DOWNLOADING).defer("error_message").first()
    return {
        "count": counted.total,
        "running": running,
        "revision": counted.revision,
        "waiting": counted.counts[Status.WAITING],
    }


def history_of(preset_id: str, most: int = 20) -> list[DownloadHistory]:
    return list(DownloadHistory.objects.filter(preset_id=preset_id).order_by("-id")[:most])
