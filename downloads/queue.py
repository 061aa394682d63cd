"""How an install enters the queue and is tried again. Many at once: queue_several.py; how it looks: queue_status.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

import extension_points
from activity.database_clock import database_now
from downloads import events
from downloads.file_records import RemoteFile
from downloads.models import DownloadFile, DownloadHistory, Status, WrongState
from downloads.transfer import parse_model_path
from extension_points import WantedFile
from settings_app.hub_token import hub_token

Answer = TypeVar("Answer")
TRIES = 3  # against clicks that are faster


def files_today(preset_id: str) -> Sequence[WantedFile] | None:
    """The files of this id by the first catalogue that knows it, or None."""
    return next((files for source in extension_points.file_sources if (files := source(preset_id)) is not None), None)


@dataclass(frozen=True)
class Outcome:
    """``row`` is the install that is queued, or None when everything is here; ``message`` is a sentence."""

    status: Literal["queued", "already_queued", "already_installed", "token_required"]
    row: DownloadHistory | None
    message: str


def ask_for(
    preset_id: str,
    title: str,
    files: Iterable[WantedFile],
    *,
    force: bool = False,
    conflict: str = "",
    gated: bool = False,
    here: str = "",
    counted: bool = False,
) -> Outcome:
    """Queue an install, park it, or say that it is here: the one way in, whoever wants it.

    ``files`` are to be fetched; none are wanted where everything is here, and ``here`` is the sentence that says so.
    ``gated`` says that the Hub hands one of them out with a token only. ``conflict`` (replace, keep_both) says what to
    do where other bytes have the place of a file; else it is asked. ``counted`` says how many files it is.

    Raises TransferError (forbidden_path) before anything is stored, and ValueError for no files and no ``here``.
    """
    if row := DownloadHistory.objects.filter(preset_id=preset_id).active().first():
        row.wish(conflict)
        return queued_before(row, title)
    files = list(files)
    if not files and here:
        return Outcome("already_installed", None, here)
    with transaction.atomic():
        row, created = enqueue(preset_id, title, files, force=force, conflict=conflict)
        if not created:
            return queued_before(row, title)
        if gated and not hub_token():
            # Parked before a worker can see it: the queue is not held up by what the Hub is known to refuse.
            row.park("token_required", token_sentence(title))
            return Outcome("token_required", row, token_sentence(title))
    ahead = DownloadHistory.objects.filter(status__in=[Status.QUEUED, Status.DOWNLOADING]).exclude(pk=row.pk).count()
    place = f", after {ahead} other{'s' if ahead > 1 else ''}" if ahead else ""
    number = f"{row.files_total} file{'' if row.files_total == 1 else 's'}"
    return Outcome("queued", row, f"{title}: {number} queued{place}." if counted else f"{title} is queued{place}.")


def queued_before(row: DownloadHistory, title: str) -> Outcome:
    """What to say of an id that is active."""
    if row.status == Status.WAITING and row.reason == "token_required" and not hub_token():
        return Outcome("token_required", row, token_sentence(title))
    why = f": {row.error_message}" if row.status == Status.WAITING and row.error_message else "."
    return Outcome("already_queued", row, f"{title} is {row.status} already{why}")


def token_sentence(title: str) -> str:
    return (
        f"{title} needs a Hugging Face token. Add one in Settings and accept the licence of its repository; "
        "the download then starts by itself."
    )


def are_gated(files: Iterable[WantedFile]) -> bool:
    """Whether the Hub has said of one of these addresses that it wants a token."""
    return RemoteFile.objects.filter(url__in=[file.url for file in files], gated=True).exists()


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
    return as_one_of_many(lambda: _find_or_create(preset_id, title, wanted, force, conflict))


def as_one_of_many(work: Callable[[], Answer]) -> Answer:
    """In a transaction, and anew where another click was faster (the constraint one_active_per_preset)."""
    for _ in range(TRIES - 1):
        with suppress(IntegrityError), transaction.atomic():
            return work()
    with transaction.atomic():
        return work()


def _find_or_create(
    preset_id: str, title: str, wanted: dict[str, WantedFile], force: bool, conflict: str
) -> tuple[DownloadHistory, bool]:
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
        queued_at=database_now(),
    )
    DownloadFile.objects.bulk_create(file_rows(row.pk, wanted))
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
    return DownloadHistory.objects.filter(status=Status.FAILED, is_latest=True).order_by("-id")


def file_rows(download: int, wanted: Mapping[str, WantedFile]) -> Iterable[DownloadFile]:
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
