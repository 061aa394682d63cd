"""What the rows and the dashboards see of an install while it runs, and how it hears that it is to stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import timedelta

from django.db import DatabaseError, InterfaceError

from activity.database_clock import database_now
from activity.events import broadcast
from activity.socket_messages import ProgressNews
from downloads.models import ENDED_FILES, LOOK_AHEAD, DownloadFile, DownloadHistory, FileStatus, Status
from downloads.transfer import Progress, Throughput
from downloads.worker import heartbeat, host_pauses
from downloads.worker.consumer import stopping
from downloads.worker.install_state import InstallState
from settings_app.hub_token import hub_token

log = logging.getLogger(__name__)

EVENT_INTERVAL = 0.25  # seconds; at most 4 progress messages a second whatever the speed
WRITE_INTERVAL = 0.25  # seconds; also how soon a pause or a cancel is seen
QUEUE_INTERVAL = 1.0  # seconds between two words that files were completed
SPEED_SECONDS = 5.0
LONG_PAUSE = 20.0  # seconds; for a shorter one an install keeps its turn
LOOK_INTERVAL = 2.0

Seen = Mapping[DownloadFile, Progress]


class InstallProgress:
    def __init__(self, state: InstallState) -> None:
        self.state, self.row = state, state.row
        self._token = hub_token()
        self._wrote = self._told = self._looked = self._counted = 0.0
        self._completed = 0
        self._turn = 0
        self._speed = Throughput(SPEED_SECONDS)

    def waits(self, progress: Progress) -> bool:
        """While hosts are asked: alive, stoppable, and a person reads what is waited for. Whether it goes on."""
        heartbeat.working()
        if self._is_to_stop():
            return False
        if progress.error and self.state.files:
            self._tell({self.state.files[0]: progress})
        return self._beat({self.state.files[0]: progress} if progress.error and self.state.files else {})

    def reads(self, file: DownloadFile, progress: Progress) -> bool:
        """While this thread hashes a file. Whether it goes on."""
        heartbeat.working(heartbeat.HUNG_AFTER)
        return self.see({file: progress})

    def see(self, seen: Seen) -> bool:
        """How the files that are worked on get on. False when the install is to stop."""
        if self._is_to_stop():
            return False
        self._note(seen)
        self._tell(seen)
        now = time.monotonic()
        if now - self._wrote < WRITE_INTERVAL:
            return True
        self._wrote = now
        return self._beat(seen)

    def _is_to_stop(self) -> bool:
        return stopping() or not self.state.fence.holds()

    def _note(self, seen: Seen) -> None:
        for file, progress in seen.items():
            self.state.note(
                file,
                bytes_done=progress.bytes_done,
                bytes_total=progress.bytes_total or file.bytes_total,
                speed=progress.speed,
                connections=progress.connections,
                status=FileStatus(progress.status),
                error=progress.error,
            )
        self._speed.add(time.monotonic(), self.state.totals()["bytes_done"])
        if len(seen) > 1:
            self._share_speed(list(seen))

    def _share_speed(self, files: list[DownloadFile]) -> None:
        """A small file is over before its own speed means anything: together they are as fast as the install."""
        speed = max(0.0, self._speed.rate)
        together = sum(file.speed for file in files)
        for file in files:
            file.speed = speed * file.speed / together if together else speed / len(files)

    def _beat(self, seen: Seen) -> bool:
        """The progress write, which is also how pause and cancel are heard. A locked database fails no transfer."""
        held_up = _all_wait(seen)
        attempts = max((progress.attempt for progress in seen.values()), default=self.row.attempts)
        why = held_up.error if held_up else ""
        try:
            retry_at = database_now() + timedelta(seconds=held_up.retry_in) if held_up else None
            if not self.state.beat(attempts=attempts, retry_at=retry_at, error_message=why):
                return False
            if held_up and (hub_token() != self._token or self._steps_aside(held_up.retry_in)):
                self.state.anew = True
                return False
        except (DatabaseError, InterfaceError) as error:
            log.warning("Progress of %s could not be stored: %s", self.row.preset_id, error)
            return True
        self._count()
        return True

    def _count(self) -> None:
        """Let the pages look at the rows again when files were completed."""
        now = time.monotonic()
        if self.row.files_completed != self._completed and now - self._counted >= QUEUE_INTERVAL:
            self._completed, self._counted = self.row.files_completed, now
            broadcast({"type": "queue_updated"})

    def _steps_aside(self, wait: float) -> bool:
        """Whether a long pause is better spent on installs from elsewhere; this one keeps its place."""
        now = time.monotonic()
        if wait < LONG_PAUSE or now - self._looked < LOOK_INTERVAL:
            return False
        self._looked = now
        urls = [file.url for file in self.state.files if file.status not in ENDED_FILES]
        if len({host_pauses.host_of(url) for url in urls}) != 1:
            return False  # nobody knows which of them asked for it
        host_pauses.note(urls[0], wait)
        queued = DownloadHistory.objects.filter(status=Status.QUEUED).order_by("position", "id")[:LOOK_AHEAD]
        return any(not host_pauses.holds(row) for row in queued)

    def _tell(self, seen: Seen) -> None:
        now = time.monotonic()
        if not seen or now - self._told < EVENT_INTERVAL:
            return
        self._told = now
        self._turn += 1
        file, progress = _of_the_liveliest(seen, self._turn)
        totals = self.state.totals()
        left = totals["bytes_total"] - totals["bytes_done"]
        speed = sum(file.speed for file in seen)
        event: ProgressNews = {
            "type": "download_progress",
            "preset_id": self.row.preset_id,
            "download_id": self.row.pk,
            "file": file.path,
            "status": progress.status,
            "progress": self.row.progress,
            "downloaded": totals["bytes_done"],
            "total": totals["bytes_total"],
            "file_downloaded": file.bytes_done,
            "file_total": file.bytes_total,
            "file_speed": round(file.speed),
            "speed": round(speed),
            "eta_seconds": round(left / speed) if speed > 1 else None,
            "files_completed": totals["files_completed"],
            "files_total": self.row.files_total,
            "connections": sum(progress.connections for progress in seen.values()),
        }
        if progress.error:
            event["error"] = progress.error
        if progress.status == "retrying":
            event["attempt"], event["max_attempts"] = progress.attempt, progress.max_attempts
            event["retry_in"] = round(progress.retry_in)
        broadcast(event)


def _all_wait(seen: Seen) -> Progress | None:
    """Of those that back off the one that goes on first, when nothing else moves."""
    waiting = [progress for progress in seen.values() if progress.status == "retrying"]
    return min(waiting, key=lambda progress: progress.retry_in) if waiting and len(waiting) == len(seen) else None


def _of_the_liveliest(seen: Seen, turn: int) -> tuple[DownloadFile, Progress]:
    """Each in its turn, so that every bar moves; what is verified or backs off only where nothing else is told."""
    for status in ("downloading", "verifying", "retrying"):
        if found := [(file, progress) for file, progress in seen.items() if progress.status == status]:
            return found[turn % len(found)]
    return next(iter(seen.items()))
