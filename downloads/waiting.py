"""Parked installs: is what was missing there now?"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from downloads import events, facts, space
from downloads.models import DownloadHistory, Status
from downloads.transfer import TransferError
from settings_app.hub_token import hub_token

ASK_AGAIN_AFTER = timedelta(minutes=5)


def look_again(*, now: bool = False) -> int:
    """Queue every waiting install whose reason is gone; their number.

    Space and a missing token are looked at each time. The Hub is asked at most each ASK_AGAIN_AFTER per install, or
    at once with now=True (a token was saved, space was freed). So is a disk that refused to write although its
    figures say that there is room: a volume with a quota that shows its host's disk.
    """
    if now:
        space.forget()
    rows = DownloadHistory.objects.filter(status=Status.WAITING).order_by("position", "id")
    ready = [row for row in rows if _reason_gone(row, now) and row.unpark()]
    if ready:
        events.wake_worker()
    return len(ready)


def waiting_for_space() -> QuerySet[DownloadHistory]:
    rows = DownloadHistory.objects.filter(status=Status.WAITING, reason="disk_full")
    return rows.order_by("position", "id").prefetch_related("files")


def _reason_gone(row: DownloadHistory, now: bool) -> bool:
    if row.reason == "disk_full" and space.missing_space(row) > 0:
        return False
    if row.reason in {"token_required", "token_invalid"} and not hub_token():
        return False
    if not now and row.checked_at and timedelta(0) <= timezone.now() - row.checked_at < ASK_AGAIN_AFTER:
        return False
    if row.reason == "disk_full":
        return True
    answers = facts.ask(row.files.filter(optional=False).values_list("url", flat=True))
    refusals = [answer for answer in answers.values() if isinstance(answer, TransferError)]
    DownloadHistory.objects.filter(pk=row.pk).update(checked_at=timezone.now())
    if refusals and refusals[0].reason != row.reason and not refusals[0].retry:
        # Another reason than before: the person is to read the new one.
        DownloadHistory.objects.filter(pk=row.pk, status=Status.WAITING).update(
            reason=refusals[0].reason, error_message=str(refusals[0])
        )
        events.queue_updated()
    return not refusals
