"""What ComfyUI tells of its jobs: /api/jobs where it has that, /queue and /history where not."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from comfyui import job_result
from comfyui.client import Client, ComfyError
from comfyui.job_result import Ending, JobResult

log = logging.getLogger(__name__)

ENDED = "completed,failed,cancelled"
FIRST_PAGE, NEXT_PAGES = 100, 500  # ComfyUI builds its whole list for each page: few and large ones where many
FEW, MANY = 4, 256  # entries of /history, which carry whole graphs
MOST_HISTORY = 8 * 2**20  # bytes; the parsed form takes several times that
RETRY_BROKEN = 60.0  # seconds after which /api/jobs is tried again: one odd job breaks it for all
ENDINGS: dict[str, Ending] = {"completed": "completed", "failed": "failed", "cancelled": "interrupted"}


@dataclass(frozen=True)
class Ended:
    """A job that has ended; ``job_result`` is None where the listing did not tell all of it."""

    prompt_id: str
    started_ms: int
    ended_ms: int
    status: str = "completed"
    job_result: JobResult | None = None

    @property
    def key(self) -> tuple[str, int]:
        return (self.prompt_id, self.started_ms)

    @property
    def bare_result(self) -> JobResult:
        """What the listing alone says, for a job that was wiped before its entry could be read."""
        return JobResult(ENDINGS.get(self.status, "completed"), self.started_ms, self.ended_ms)


class Listing:
    """One ComfyUI's jobs since we are connected to it. Each method raises ComfyError."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._has_jobs = True
        self._broken_until = float("-inf")

    def reconnected(self) -> None:
        # It may be another version now.
        self._has_jobs = True
        self._broken_until = float("-inf")

    @property
    def is_heavy(self) -> bool:
        """Only routes that carry whole graphs are left: look at the signature first, also while jobs run."""
        return not self._has_jobs or time.monotonic() < self._broken_until

    def signature(self) -> str:
        """Changes whenever a job comes, starts or ends, and costs next to nothing; "" where nothing can be said."""
        found = self._jobs(limit=1)
        if found is not None:
            job = next(iter(_jobs_of(found)), {})
            return json.dumps([_total(found), job.get("id"), job.get("status"), job.get("execution_start_time")])
        remaining = self.client.queue_remaining()
        try:
            newest = self.client.history(1)
        except ComfyError as error:
            if error.trouble != "too_large":
                raise
            return ""
        return json.dumps([remaining, [ended.key for ended in _entries(newest)]])

    def active(self) -> dict[str, bool] | None:
        """Running or not, by id; None where the queue is too heavy to be read."""
        found = self._jobs("in_progress,pending")
        if found is not None:
            return {job["id"]: job.get("status") == "in_progress" for job in _jobs_of(found)}
        try:
            queue = self.client.queue()
        except ComfyError as error:
            if error.trouble != "too_large":
                raise
            return None
        waiting = dict.fromkeys(_queued(queue.get("queue_pending")), False)
        return waiting | dict.fromkeys(_queued(queue.get("queue_running")), True)

    def ended(self) -> Iterator[list[Ended]]:
        """Pages of ended jobs, the newest first; ask for the next page only where this one has news."""
        offset = 0
        while True:
            found = self._jobs(ENDED, FIRST_PAGE if not offset else NEXT_PAGES, offset)
            if found is None:
                yield from self._history()
                return
            jobs = list(_jobs_of(found))
            yield [_ended(job) for job in jobs]
            offset += len(jobs)
            if not jobs or offset >= _total(found):
                return

    def one(self, prompt_id: str) -> JobResult | None:
        """The whole result of an ended job; None where ComfyUI knows nothing of it."""
        try:
            entry = self.client.history_of(prompt_id)
        except ComfyError as error:
            if error.trouble not in {"too_large", "broken"}:
                raise
            log.debug("The history of one job cannot be read: %s", error)
            return None
        return job_result.read(entry) if entry is not None else None

    def _history(self) -> Iterator[list[Ended]]:
        count, most = FEW, MOST_HISTORY
        while True:
            try:
                entries = list(_entries(self.client.history(count, most)))
            except ComfyError as error:
                if error.trouble != "too_large":
                    raise
                if count > FEW or count == 1:  # what was read before must do, or nothing can be read
                    return
                count, most = 1, 2 * MOST_HISTORY
                continue
            yield entries
            if len(entries) < count or count >= MANY or count == 1:
                return
            count *= 2

    def _jobs(self, statuses: str = "", limit: int | None = None, offset: int = 0) -> dict[str, Any] | None:
        """An answer of /api/jobs; None where this ComfyUI has no such route, or an odd job breaks it."""
        if self.is_heavy:
            return None
        try:
            return self.client.jobs(statuses, limit, offset)
        except ComfyError as error:
            if error.trouble == "missing":
                self._has_jobs = False
            elif error.trouble in {"broken", "too_large"}:
                self._broken_until = time.monotonic() + RETRY_BROKEN
                log.debug("/api/jobs is out of order: %s", error)
            else:
                raise
            return None


def _jobs_of(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    jobs = found.get("jobs")
    for job in jobs if isinstance(jobs, list) else ():
        if isinstance(job, dict) and _storable_ids(job.get("id")):
            yield job


def _total(found: dict[str, Any]) -> int:
    pagination = found.get("pagination")
    total = pagination.get("total") if isinstance(pagination, dict) else 0
    return total if isinstance(total, int) else 0


def _ended(job: dict[str, Any]) -> Ended:
    started, ended = _ms(job.get("execution_start_time")), _ms(job.get("execution_end_time"))
    return Ended(job["id"], started, ended, str(job.get("status")))


def _entries(history: dict[str, Any]) -> Iterator[Ended]:
    for prompt_id, entry in history.items():
        if isinstance(entry, dict) and _storable_ids(prompt_id):
            found = job_result.read(entry)
            yield Ended(prompt_id, found.started_ms, found.ended_ms, job_result=found)


def _queued(items: Any) -> Iterator[str]:
    """Ids alone: the items carry graphs, and on 0.3.64 the users' API keys."""
    for item in items if isinstance(items, list) else ():
        if isinstance(item, list) and len(item) > 1 and _storable_ids(item[1]):
            yield item[1]


def _storable_ids(prompt_id: Any) -> bool:
    """Older versions take any text as an id; what no column could hold is not followed."""
    return isinstance(prompt_id, str) and 0 < len(prompt_id) <= 200 and "\x00" not in prompt_id


def _ms(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value < 2**53 else 0
