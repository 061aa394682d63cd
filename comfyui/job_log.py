"""Following the jobs of one ComfyUI, so that each becomes activity once."""

from __future__ import annotations

import time

from comfyui import generations
from comfyui.client import Client
from comfyui.job_listing import Ended, Listing
from comfyui.models import ComfyState, Generation

State = Generation.State

ONE_ROUND = 100  # questions about single jobs before we let ComfyUI breathe
FULL_LOOK, FULL_LOOK_BUSY = 60.0, 10.0  # seconds; also when the signature says that nothing changed


class JobWatch:
    """``poll()`` again and again. Everything that must survive is in the rows; this remembers only to ask less."""

    def __init__(self, client: Client) -> None:
        self.listing = Listing(client)
        self.busy = False
        self._runs = False
        self._behind = False
        self._signature = ""
        self._looked_at = float("-inf")
        self._missed: set[str] = set()
        self._from_before: set[str] = set()

    def reconnected(self) -> None:
        """ComfyUI was away. If it restarted, its queue is gone without a trace."""
        self.listing.reconnected()
        self._signature = ""
        self._from_before = set(generations.open_jobs())

    def poll(self) -> bool:
        """Look once; True while jobs are in the queue or news is left to read. Raises ComfyError."""
        if self._may_skip() and self._unchanged():
            return self.busy
        # Active before ended: the other way round a job that ends in between would be in neither.
        active = self.listing.active()
        if active is not None:
            generations.update_running(active, generations.open_jobs())
        self._read_ended()
        if active is not None:
            self._follow_up(active)
        self._looked_at = time.monotonic()
        # Empty again: one more whole look next time, because the signature was not taken before this one.
        if self.busy and not active:
            self._signature = ""
        self._runs = any((active or {}).values())
        self.busy = bool(active) or self._behind or bool(self._missed)
        return self.busy

    def _may_skip(self) -> bool:
        """Where nothing runs, the signature tells all. Where one runs, it tells of its end, which is all that comes."""
        settled = not self._behind and not self._missed
        return settled and (not self.busy or (self._runs and self.listing.is_heavy))

    def _unchanged(self) -> bool:
        before, self._signature = self._signature, self.listing.signature()
        recent = time.monotonic() - self._looked_at < (FULL_LOOK_BUSY if self.busy else FULL_LOOK)
        return recent and bool(before) and before == self._signature

    def _read_ended(self) -> None:
        """Page on while a page has news; what had ended before the first look at this ComfyUI is no news."""
        state = ComfyState.get()
        news: dict[generations.Key, Ended] = {}
        for page in self.listing.ended():
            known = generations.already_ended({ended.key for ended in page})
            fresh = {ended.key: ended for ended in page if ended.key not in known}
            news |= fresh
            if _nothing_further(page, fresh):
                break
        if not state.log_begun:
            generations.mark_as_ended(news)
            ComfyState.objects.filter(pk=ComfyState.ONLY).update(log_begun=True)
            return
        in_order = sorted(news.values(), key=lambda ended: ended.ended_ms)
        self._behind = len(in_order) > ONE_ROUND
        for ended in in_order[:ONE_ROUND]:
            whole = ended.job_result or self.listing.one(ended.prompt_id)
            # An id that ran again has only its last run in the history: then the listing must do for this one.
            fits = whole is not None and whole.started_ms == ended.started_ms
            generations.log_end(ended.prompt_id, whole if fits and whole else ended.bare_result)

    def _follow_up(self, active: dict[str, bool]) -> None:
        """Jobs that were in the queue, are not any more, and were not on a page of ended ones."""
        gone = [row for prompt_id, row in generations.open_jobs().items() if prompt_id not in active]
        removed, lost = [], []
        self._from_before -= set(active)  # it came through: no restart in between
        missed: set[str] = set()
        for row in gone[:ONE_ROUND]:
            job_result = self.listing.one(row.prompt_id)
            if job_result and not generations.already_ended({(row.prompt_id, job_result.started_ms)}):
                generations.log_end(row.prompt_id, job_result)
            elif row.prompt_id in self._from_before:
                lost.append(row)
            elif row.state == State.PENDING:
                removed.append(row)
            elif row.prompt_id in self._missed:
                lost.append(row)
            else:  # between its end and its entry there is a moment: once more before it is called lost
                missed.add(row.prompt_id)
        generations.mark_as_lost(removed, State.REMOVED)
        generations.mark_as_lost(lost, State.LOST)
        self._missed = missed
        self._behind = self._behind or len(gone) > ONE_ROUND


def _nothing_further(page: list[Ended], fresh: dict[generations.Key, Ended]) -> bool:
    """/history is in order of ending: one known entry ends the search. /api/jobs is in order of creation."""
    in_order_of_ending = bool(page) and page[0].job_result is not None
    return not fresh or (in_order_of_ending and len(fresh) < len(page))
