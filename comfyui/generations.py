"""Jobs of ComfyUI as activity: each step of each job once, whoever polls and however often it is seen."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from activity.models import Activity
from comfyui.job_result import JobResult
from comfyui.models import Generation

State = Generation.State
Key = tuple[str, int]  # prompt id, start in ms by ComfyUI's clock (0 where it does not tell)

ONE_BY_ONE = 10  # so many jobs that vanish at once are told of singly, more in one entry
OLD = timedelta(minutes=1)  # what ended longer ago is entered with its own time
KEPT = 20_000  # ended jobs; ComfyUI itself remembers at most 10,000

STORY = {
    State.REMOVED: ("removed from the queue", "Before it ran."),
    State.LOST: ("lost", "ComfyUI restarted, or its history was cleared."),
}


def open_jobs() -> dict[str, Generation]:
    """Jobs that were seen pending or running and have not ended as far as we know."""
    return {row.prompt_id: row for row in Generation.objects.filter(state__in=Generation.OPEN)}


def already_ended(keys: Collection[Key]) -> set[Key]:
    rows = Generation.objects.filter(prompt_id__in={prompt_id for prompt_id, _ in keys})
    return set(rows.exclude(state__in=Generation.OPEN).values_list("prompt_id", "started_ms")) & set(keys)


def update_running(active: dict[str, bool], before: dict[str, Generation]) -> None:
    """What is in ComfyUI's queue now: running or not, by id. ``before`` is open_jobs()."""
    for prompt_id, running in active.items():
        row = before.get(prompt_id)
        if row is None or (running and row.state == State.PENDING):
            _open(prompt_id, running)


def _open(prompt_id: str, running: bool) -> None:
    state = State.RUNNING if running else State.PENDING
    with transaction.atomic():
        row, created = Generation.objects.get_or_create(prompt_id=prompt_id, started_ms=0, defaults={"state": state})
        # An id that was used before without a known start begins a new life.
        others = Generation.objects.filter(pk=row.pk).exclude(state=state)
        if (created or others.update(state=state)) and running:
            Activity.log("generation", "started", "Generation started", prompt_id=prompt_id)


def log_end(prompt_id: str, job_result: JobResult) -> bool:
    """Log the end of a job, and its start where nobody saw it run. False where that was done before."""
    ended = {"state": State(job_result.ending), "started_ms": job_result.started_ms}
    try:
        with transaction.atomic():
            rows = Generation.objects.filter(prompt_id=prompt_id, state__in=Generation.OPEN)
            seen_running = rows.filter(state=State.RUNNING).exists()
            followed = bool(rows.update(**ended))
            if not followed:
                Generation.objects.create(prompt_id=prompt_id, **ended)
            # ComfyUI's clock may be wrong: it counts only for what happened while nobody watched.
            started_ms, ended_ms = (0, 0) if followed else (job_result.started_ms, job_result.ended_ms)
            if not seen_running:
                _log("started", "Generation started", "", started_ms, {"prompt_id": prompt_id})
            title, subtitle = _told(job_result)
            _log(job_result.ending, title, subtitle, ended_ms, _details(prompt_id, job_result))
    except IntegrityError:  # another poller, or this one before: (prompt_id, started_ms) is unique
        return False
    return True


def mark_as_ended(keys: Iterable[Key]) -> None:
    """What had ended before we came: known from now on, without an entry."""
    rows = [Generation(prompt_id=key[0], started_ms=key[1], state=State.COMPLETED) for key in keys]
    Generation.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)


def mark_as_lost(rows: Collection[Generation], state: State) -> None:
    """Jobs that were in the queue and left no trace: REMOVED before they ran, or LOST."""
    word, why = STORY[state]
    with transaction.atomic():
        gone = [row for row in rows if Generation.objects.filter(pk=row.pk, state=row.state).update(state=state)]
        if len(gone) > ONE_BY_ONE:
            ids = [row.prompt_id for row in gone]
            Activity.log("generation", state, f"{len(gone)} generations {word}", why, prompt_ids=ids)
            return
        for row in gone:
            Activity.log("generation", state, f"Generation {word}", why, prompt_id=row.prompt_id)


def forget_open() -> None:
    """Logging was switched off, or another ComfyUI is watched: what was open is not followed any more."""
    Generation.objects.filter(state__in=Generation.OPEN).delete()


def prune() -> int:
    """Forget the oldest of what ended, far beyond what ComfyUI remembers itself; answers how many."""
    ended = Generation.objects.exclude(state__in=Generation.OPEN).order_by("-pk")
    oldest = ended.values_list("pk", flat=True)[KEPT : KEPT + 1]
    return ended.filter(pk__lte=oldest[0]).delete()[0] if oldest else 0


def _told(job_result: JobResult) -> tuple[str, str]:
    seconds = (job_result.ended_ms - job_result.started_ms) / 1000
    took = f"in {_duration(seconds)}" if job_result.started_ms and seconds >= 0 else ""
    if job_result.ending == "failed":
        where = f"{job_result.node}: " if job_result.node else ""
        return "Generation failed", f"{where}{job_result.error or 'ComfyUI gives no reason; its own log may.'}"
    if job_result.ending == "interrupted":
        return "Generation interrupted", job_result.summary
    if job_result.cached or not job_result.outputs:
        return "Generation completed", job_result.summary or took
    return f"{job_result.summary} generated", took


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _details(prompt_id: str, job_result: JobResult) -> dict[str, Any]:
    details: dict[str, Any] = {"prompt_id": prompt_id}
    if job_result.started_ms:
        details["started_at"] = _moment(job_result.started_ms).isoformat()
    if job_result.ended_ms >= job_result.started_ms > 0:
        details["seconds"] = round((job_result.ended_ms - job_result.started_ms) / 1000, 1)
    if job_result.counts and not job_result.cached:
        details["outputs"] = job_result.summary
    if job_result.node:
        details["node"] = job_result.node
    if job_result.picture:
        details["picture"] = job_result.picture.annotated
    return details


def _log(status: str, title: str, subtitle: str, at_ms: int, details: dict[str, Any]) -> None:
    """An entry, dated back where ComfyUI's clock says that it happened a while ago."""
    entry = Activity.log("generation", status, title, subtitle, **details)
    if at_ms and timezone.now() - _moment(at_ms) > OLD:
        Activity.objects.filter(pk=entry.pk).update(created_at=_moment(at_ms))


def _moment(milliseconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # no time that a calendar has
        return timezone.now()
