"""Many installs at once: queued, tried again, cancelled, in a fixed number of statements whatever their number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, prefetch_related_objects

from activity.database_clock import database_now
from activity.models import Activity
from downloads import events
from downloads.bulk import insert
from downloads.models import ACTIVE, ENDED, DownloadFile, DownloadHistory, Status
from downloads.queue import as_one_of_many, failed, file_rows, files_today
from downloads.transfer import TransferError, parse_model_path
from extension_points import WantedFile


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
    return as_one_of_many(lambda: retry_rows(failed()))


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

    def row(self, position: int, now: datetime) -> DownloadHistory:
        parked = {
            "status": Status.WAITING,
            "reason": "token_required",
            "error_message": self.token_sentence,
            "checked_at": now,
        }
        return DownloadHistory(
            preset_id=self.preset_id,
            title=self.title[:300],
            force=self.force,
            conflict=self.conflict,
            position=position,
            files_total=len(self.files),
            bytes_total=sum(file.size or 0 for file in self.files.values()),
            queued_at=now,
            **(parked if self.token_sentence else {}),
        )


def enqueue_several(wishes: Sequence[Wish]) -> set[str]:
    """Those of which none is active, at the end of the queue in this order: the ids that were put there.

    A fixed number of statements, whatever the number of wishes.
    """
    return as_one_of_many(lambda: _append_new(wishes))


def _append_new(wishes: Sequence[Wish]) -> set[str]:
    DownloadHistory.lock_queue()
    rows = DownloadHistory.objects.filter(preset_id__in=[wish.preset_id for wish in wishes]).active()
    active = set(rows.values_list("preset_id", flat=True))
    fresh = [wish for wish in wishes if wish.preset_id not in active]
    _append(fresh)
    return {wish.preset_id for wish in fresh}


def _append(wishes: Sequence[Wish]) -> None:
    """In a transaction, and under the queue's lock."""
    if not wishes:
        return
    last, now = DownloadHistory.last_position(), database_now()
    insert(DownloadHistory, [wish.row(last + number, now) for number, wish in enumerate(wishes, 1)])
    # By what was just queued: their number is no part of the statement.
    fresh = DownloadHistory.objects.active().filter(position__gt=last)
    pks = dict(fresh.values_list("preset_id", "pk"))
    DownloadHistory.objects.filter(status__in=ENDED, is_latest=True, preset_id__in=fresh.values("preset_id")).update(
        is_latest=False
    )
    insert(DownloadFile, [file for wish in wishes for file in file_rows(pks[wish.preset_id], wish.files)])
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
                created_at=now,
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
        now = database_now()
        chosen.update(status=Status.CANCELLED, completed_at=now)
        insert(
            Activity,
            [
                Activity(
                    type=Activity.Type.DOWNLOAD,
                    status=Activity.Status.CANCELLED,
                    title=row.title[:200],
                    subtitle=row.error_message[:500],
                    details={"preset_id": row.preset_id, "download_id": row.pk},
                    created_at=now,
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
