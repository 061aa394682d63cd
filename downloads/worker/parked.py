"""Parked installs: is what was missing there now?"""

from __future__ import annotations

import time
from datetime import timedelta

from django.db.models import F, QuerySet

from activity.database_clock import database_now
from downloads import events
from downloads.inventory import free_space, remote
from downloads.models import DownloadHistory, Status
from downloads.transfer import Progress, Stopped, TransferError
from downloads.worker import host_pauses
from downloads.worker.consumer import stopping
from hosts import stale_tokens
from settings_app.hub_token import hub_token

ASK_AGAIN_AFTER = timedelta(minutes=5)
MOST_ASKED = 20  # installs in one round; the others come first in the next
ROUND_SECONDS = 60.0  # for all questions of one round
ROW_SECONDS = 20.0  # for those of one install


def look_again(*, now: bool = False) -> int:
    """Queue every waiting install whose reason is gone; their number. Bounded: it never waits because a host asks to.

    Space and a missing token are looked at each time. The Hub is asked at most each ASK_AGAIN_AFTER per install, or
    at once with now=True (a token was saved, space was freed). So is a disk that refused to write although its
    figures say that there is room: a volume with a quota that shows its host's disk.
    """
    waiting = DownloadHistory.objects.filter(status=Status.WAITING)
    if now:
        free_space.forget()
        host_pauses.forget()
        stale_tokens.forget()
        waiting.update(checked_at=None)  # those beyond this round are asked in the next ones
    # Who was asked longest ago first, so that each gets its turn.
    rows = waiting.order_by(F("checked_at").asc(nulls_first=True), "position", "id")
    round_ = Round(None if now else MOST_ASKED)
    ready = [row for row in rows if _reason_gone(row, round_) and row.unpark()]
    if ready:
        events.wake_worker()
    return len(ready)


class Round:
    """What one round may still cost. A token that is saved meanwhile ends it: the round that it wakes knows more."""

    def __init__(self, most: int | None = MOST_ASKED) -> None:
        """``most`` installs are asked about; None: as many as the time allows, because a person waits for it."""
        self.asked = 0
        self.silent: set[str] = set()  # hosts that did not answer in this round
        self._most = most
        self._token = hub_token()
        self._end = time.monotonic() + ROUND_SECONDS
        self._row_end = self._end
        self._looked = time.monotonic()

    def begin_row(self) -> bool:
        """Whether one more install may be asked about."""
        if (self._most is not None and self.asked >= self._most) or not self._goes_on():
            return False
        self.asked += 1
        self._row_end = min(self._end, time.monotonic() + ROW_SECONDS)
        return True

    def tick(self, progress: Progress) -> bool:
        return time.monotonic() < self._row_end and self._goes_on()

    def _goes_on(self) -> bool:
        now = time.monotonic()
        if now - self._looked > 1.0:
            self._looked = now
            if hub_token() != self._token:
                self._end = now
        return now < self._end and not stopping()


def waiting_for_space() -> QuerySet[DownloadHistory]:
    rows = DownloadHistory.objects.filter(status=Status.WAITING, reason="disk_full")
    return rows.order_by("position", "id").prefetch_related("files")


def _reason_gone(row: DownloadHistory, round_: Round) -> bool:
    if row.reason == "disk_full" and free_space.missing_space(row) > 0:
        return False
    if row.reason in {"token_required", "token_invalid"} and not hub_token():
        return False
    if row.checked_at and timedelta(0) <= database_now() - row.checked_at < ASK_AGAIN_AFTER:
        return False
    if row.reason == "disk_full":
        return True
    return _hosts_agree(row, round_)


def _hosts_agree(row: DownloadHistory, round_: Round) -> bool:
    urls = list(row.files.filter(optional=False).values_list("url", flat=True))
    hosts = {host_pauses.host_of(url) for url in urls}
    if host_pauses.any_of(urls) or hosts & round_.silent or not round_.begin_row():
        return False
    try:
        answers = remote.ask_briefly(urls, round_.tick)
    except Stopped:
        # Nobody knows which of several hosts it was that did not answer in time: the install comes last next time.
        round_.silent |= hosts if len(hosts) == 1 else set()
        DownloadHistory.objects.filter(pk=row.pk).update(checked_at=database_now())
        return False
    refusals = [answer for answer in answers.values() if isinstance(answer, TransferError)]
    for url, answer in answers.items():
        if isinstance(answer, TransferError) and answer.wait is not None:
            host_pauses.note(url, answer.wait)
    DownloadHistory.objects.filter(pk=row.pk).update(checked_at=database_now())
    # What did not answer this time says nothing about the reason.
    if said := next((refusal for refusal in refusals if not refusal.retry), None):
        _tell(row, said)
    return not refusals


def _tell(row: DownloadHistory, refusal: TransferError) -> None:
    if refusal.reason != row.reason:
        # Another reason than before: the person is to read the new one.
        DownloadHistory.objects.filter(pk=row.pk, status=Status.WAITING).update(
            reason=refusal.reason, error_message=str(refusal)
        )
        events.queue_updated()
