"""The queue as a whole: how installs enter it, and how it looks from outside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, Count, Exists, F, OuterRef, QuerySet, Sum, When, prefetch_related_objects
from django.utils import timezone

import extension_points
from activity.models import Activity
from downloads import events
from downloads.bounded_json import MOST_BYTES, bounded, message_bytes
from downloads.bulk import insert
from downloads.models import ACTIVE, DownloadFile, DownloadHistory, FileStatus, Status, WrongState
from downloads.transfer import TransferError, parse_model_path
from extension_points import WantedFile
from webclient.url_policy import masked

__all__ = [
    "WantedFile",
    "enqueue",
    "failed",
    "files_today",
    "queue_status",
    "retry",
    "retry_failed",
    "wake_worker",
]

wake_worker = events.wake_worker


def files_today(preset_id: str) -> Sequence[WantedFile] | None:
    """The files of this id by the first catalogue that knows it, or None."""
    return next((files for source in extension_points.file_sources if (files := source(preset_id)) is not None), None)


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
        DownloadFile.objects.bulk_create(_rows_of(row.pk, wanted))
        events.queue_updated()
        events.wake_worker()
        return row, True


def retry(row: DownloadHistory, conflict: str = "") -> DownloadHistory:
    """A new row at the end of the queue that continues from the bytes on disk. Raises WrongState.

    ``conflict`` says what to do where other bytes have the place of a file; else what was wanted before holds.

    Its files are those of the catalogue today, or the same again when no catalogue knows the id any more.
    """
    row.check_retryable()
    files = files_today(row.preset_id) or [file.wanted() for file in row.files.all()]
    if not files:
        raise WrongState(
            f"“{row.title}” cannot be retried: no files are on record for it, and no catalogue knows "
            f"{row.preset_id or 'it'} any more. Install it from Models instead."
        )
    new, _ = enqueue(row.preset_id, row.title, files, force=row.force, conflict=conflict or row.conflict)
    return new


def failed() -> QuerySet[DownloadHistory]:
    """Failed installs that nobody has tried again since, newest first."""
    return DownloadHistory.objects.filter(~Exists(newer()), status=Status.FAILED).order_by("-id")


def newer() -> QuerySet[DownloadHistory]:
    """For a subquery: later installs of the same id."""
    return DownloadHistory.objects.filter(preset_id=OuterRef("preset_id"), pk__gt=OuterRef("pk"))


@dataclass(frozen=True)
class Retried:
    queued: int
    left_out: int  # failed rows that say no more what they fetched

    @property
    def sentence(self) -> str:
        said = f"{self.queued} queued again." if self.queued else "There is nothing to try again."
        if self.left_out:
            said = f"{self.queued} queued again. " if self.queued else ""
            said += (
                f"{self.left_out} could not be retried, because no files are on record for "
                f"{'it' if self.left_out == 1 else 'them'}. Install what you still want from Models."
            )
        return said


def retry_failed() -> Retried:
    """Queue again what failed and was not installed or queued since, oldest first.

    A fixed number of statements, whatever the number of rows. What cannot be fetched any more is left out.
    """
    for last in (False, False, True):
        try:
            with transaction.atomic():
                retried = retry_rows(failed())
            break
        except IntegrityError:  # another click queued one of them meanwhile: look again
            if last:
                raise
    return retried


def retry_rows(rows: QuerySet[DownloadHistory]) -> Retried:
    """Each of these failed or cancelled rows as a new one at the end of the queue, oldest first."""
    DownloadHistory.lock_queue()
    old = list(rows.filter(status__in=[Status.FAILED, Status.CANCELLED]).filter(~_active_of_same_id()).order_by("id"))
    latest = {row.preset_id: row for row in old}  # two rows of one id are one install
    wanted = _wanted_of(latest.values())
    ready = [row for row in latest.values() if row.preset_id in wanted]
    _append(
        [Wish(row.preset_id, row.title, wanted[row.preset_id], force=row.force, conflict=row.conflict) for row in ready]
    )
    return Retried(len(ready), len(latest) - len(ready))


@dataclass(frozen=True)
class Wish:
    """An install to queue with many others. ``token_sentence``: it waits for a token from the start, and why."""

    preset_id: str
    title: str
    files: Mapping[str, WantedFile]  # by path, see parsed()
    force: bool = False
    conflict: str = ""
    token_sentence: str = ""

    @staticmethod
    def parsed(files: Iterable[WantedFile]) -> dict[str, WantedFile]:
        """Raises TransferError (forbidden_path) when a path could leave the models folder."""
        return {parse_model_path(file.path): file for file in files}

    def row(self, position: int) -> DownloadHistory:
        parked = {
            "status": Status.WAITING,
            "reason": "token_required",
            "error_message": self.token_sentence,
            "checked_at": timezone.now(),
        }
        return DownloadHistory(
            preset_id=self.preset_id,
            title=self.title[:300],
            force=self.force,
            conflict=self.conflict,
            position=position,
            files_total=len(self.files),
            bytes_total=sum(file.size or 0 for file in self.files.values()),
            **(parked if self.token_sentence else {}),
        )


def enqueue_several(wishes: Sequence[Wish]) -> set[str]:
    """Those of which none is active, at the end of the queue in this order: the ids that were put there.

    A fixed number of statements, whatever the number of wishes.
    """
    for last in (False, False, True):
        try:
            with transaction.atomic():
                DownloadHistory.lock_queue()
                ids = [wish.preset_id for wish in wishes]
                rows = DownloadHistory.objects.filter(preset_id__in=ids).active()
                active = set(rows.values_list("preset_id", flat=True))
                fresh = [wish for wish in wishes if wish.preset_id not in active]
                _append(fresh)
            break
        except IntegrityError:  # another click queued one of them meanwhile: look again
            if last:
                raise
    return {wish.preset_id for wish in fresh}


def _append(wishes: Sequence[Wish]) -> None:
    """In a transaction, and under the queue's lock."""
    if not wishes:
        return
    last = DownloadHistory.last_position()
    insert(DownloadHistory, [wish.row(last + number) for number, wish in enumerate(wishes, 1)])
    # By what was just queued: their number is no part of the statement.
    pks = dict(DownloadHistory.objects.active().filter(position__gt=last).values_list("preset_id", "pk"))
    insert(DownloadFile, [file for wish in wishes for file in _rows_of(pks[wish.preset_id], wish.files)])
    insert(
        Activity,
        [
            Activity(
                type=Activity.Type.DOWNLOAD,
                status=Activity.Status.WAITING,
                title=wish.title[:200],
                subtitle=wish.token_sentence[:500],
                details={
                    "preset_id": wish.preset_id,
                    "download_id": pks[wish.preset_id],
                    "reason": "token_required",
                },
            )
            for wish in wishes
            if wish.token_sentence
        ],
    )
    events.queue_updated()
    events.wake_worker()


def cancel_rows(rows: QuerySet[DownloadHistory]) -> int:
    """Cancel what of these is active, its bytes kept, in a fixed number of statements; how many there were."""
    with transaction.atomic():
        DownloadHistory.lock_queue()
        # Locked by their ids: PostgreSQL locks no rows of a search that is made DISTINCT, as the admin's is.
        pks = [row.pk for row in rows.filter(status__in=ACTIVE)]
        chosen = DownloadHistory.objects.active().filter(pk__in=pks)
        going = list(chosen.select_for_update().order_by("id"))
        if not going:
            return 0
        chosen.update(status=Status.CANCELLED, completed_at=timezone.now())
        insert(
            Activity,
            [
                Activity(
                    type=Activity.Type.DOWNLOAD,
                    status=Activity.Status.CANCELLED,
                    title=row.title[:200],
                    subtitle=row.error_message[:500],
                    details={"preset_id": row.preset_id, "download_id": row.pk},
                )
                for row in going
            ],
        )
    events.queue_updated()
    events.wake_worker()
    return len(going)


def _active_of_same_id() -> Exists:
    return Exists(DownloadHistory.objects.active().filter(preset_id=OuterRef("preset_id")))


def _wanted_of(rows: Iterable[DownloadHistory]) -> dict[str, dict[str, WantedFile]]:
    """By id and path: what a retry fetches. Ids without files, or with one that has no place here, are left out."""
    rows = list(rows)
    known = {row.preset_id: files_today(row.preset_id) for row in rows}
    forgotten = [row for row in rows if not known[row.preset_id]]
    if forgotten:
        prefetch_related_objects(forgotten, "files")
    wanted = {}
    for row in rows:
        files = known[row.preset_id] or [file.wanted() for file in row.files.all()]
        with suppress(TransferError):
            if files:
                wanted[row.preset_id] = {parse_model_path(file.path): file for file in files}
    return wanted


def _rows_of(download: int, wanted: Mapping[str, WantedFile]) -> Iterable[DownloadFile]:
    for path, file in wanted.items():
        yield DownloadFile(
            download_id=download,
            path=path,
            url=file.url,
            optional=file.optional,
            bytes_total=file.size or 0,
            sha256=file.sha256,
            pinned=bool(file.sha256),
        )


# --- how it looks from outside ----------------------------------------------------------------------------------------

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
