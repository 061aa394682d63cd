"""The files of an install, fetched side by side in the order of the install, each by a thread of its own.

Those threads never touch the database: they say how they get on, and ask for their name when they are complete. The
thread of the install writes that down for all of them, and decides who begins.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue

from downloads.file_records import ModelFile
from downloads.inventory import scan
from downloads.inventory.destinations import Destination, Destinations
from downloads.inventory.local_copies import LocalCopies
from downloads.inventory.scan import canonical
from downloads.models import WAITING_REASONS, Conflict, DownloadFile, FileStatus
from downloads.transfer import (
    Arrived,
    Progress,
    Published,
    Session,
    Stopped,
    Task,
    TransferError,
    Wanted,
    fetch,
)
from downloads.transfer_options import OptionsOfNow
from downloads.worker import heartbeat
from downloads.worker.ask_hosts import worst_of
from downloads.worker.install_state import InstallState
from downloads.worker.misplaced import misplaced
from downloads.worker.name_files import Asking, name_files
from downloads.worker.progress import InstallProgress
from downloads.worker.reconcile import bytes_kept

AT_ONCE = 8  # files that move
MOST_RUNNING = 24  # with those that back off or wait for their name
LOOK_SECONDS = 0.1  # between two looks at files of which nobody has news
LEAVE_SECONDS = 0.1
SCAN_SECONDS = 1.0  # between two words to all processes that the folders changed: a scan for each file costs too much


@dataclass(eq=False)
class Running:
    """A file that is worked on; `seen` and `ticked` are set by its own thread."""

    file: DownloadFile
    place: Destination
    key: str  # of its path, whatever its spelling
    seen: Progress
    ticked: float = field(default_factory=time.monotonic)
    asking: Asking | None = None
    task: Task[Published] | None = None

    @property
    def moves(self) -> bool:
        """Whether it uses the network; not while it backs off, is verified, or waits for its name."""
        return self.seen.status == "downloading"


class Bringing:
    def __init__(self, state: InstallState, progress: InstallProgress, session: Session, options: OptionsOfNow) -> None:
        self.state, self.progress, self.session, self.options = state, progress, session, options
        self.running: list[Running] = []
        self._refusals: list[TransferError] = []
        self._news: SimpleQueue[Asking | Running | None] = SimpleQueue()
        self._stop = threading.Event()
        self._copies = LocalCopies()
        self._named: set[str] = set()  # places, whatever their spelling, and SHA-256 of what got its name
        self._told_scans = time.monotonic()
        self._places = Destinations.now()
        self._placed = time.monotonic()

    def run(self, todo: list[DownloadFile]) -> None:
        """Until all are here. Raises Stopped, and TransferError when one that is needed is refused.

        Then no other one is begun; what is being fetched is brought to its end first, for it is wanted whatever
        becomes of this one. On a full disk everything stops at once.
        """
        waiting = deque(todo)
        self._copies.look_up(todo)
        try:
            while (waiting and not self._refusals) or self.running:
                if not self._refusals:
                    self._begin_some(waiting)
                self._listen()
                self._show_life()
                if not self.progress.see({running.file: running.seen for running in self.running}):
                    raise Stopped
        finally:
            self._end_all()
            self.state.store()
        if self._refusals:
            raise worst_of(self._refusals)

    # --- who begins ------------------------------------------------------------------------------------------------

    def _begin_some(self, waiting: deque[DownloadFile]) -> None:
        for file in list(waiting):
            moving = sum(running.moves for running in self.running)
            if moving >= AT_ONCE or len(self.running) >= MOST_RUNNING:
                return
            if not self._has_to_wait(file):
                waiting.remove(file)
                self._begin(file)

    def _has_to_wait(self, file: DownloadFile) -> bool:
        """For one that goes to the same place or has the same bytes, which are then copied; for a host that asked."""
        key = canonical(file.path)
        for running in self.running:
            if running.key == key or (file.sha256 and running.file.sha256 == file.sha256):
                return True
        return bool(self.running) and self.session.pauses.left(self.session.host_of(file.url))[0] > 0

    def _begin(self, file: DownloadFile) -> None:
        if time.monotonic() - self._placed > 1.0:  # a person may choose another folder meanwhile
            self._places, self._placed = Destinations.now(), time.monotonic()
        key, row = canonical(file.path), self.state.row
        if {key, file.sha256} & self._named:  # its place, or its bytes, are here since a moment ago
            scan.forget()
            self._copies.look_up([file])
        place = self._places.of(file.path)
        wanted = Wanted(
            url=file.url,
            root=place.root,
            path=place.path,
            sha256=file.sha256 if file.pinned else "",
            replace=row.force or file.path in self.state.broken or row.conflict == Conflict.REPLACE,
            local_copies=() if row.force else self._copies.of(file.path, file.sha256),
        )
        facts, options = self.state.facts.get(file.url), self.options.now()
        begun = Progress("downloading", file.bytes_done, file.bytes_total or None)
        self.state.note(file, status=FileStatus.DOWNLOADING, error="")
        running = Running(file, place, key, begun)
        self.running.append(running)

        def tick(progress: Progress) -> bool:
            moved = running.moves
            running.seen, running.ticked = progress, time.monotonic()
            if moved and not running.moves:
                self._news.put(None)  # another one may begin
            return not self._stop.is_set()

        def hand_over(arrived: Arrived) -> bool:
            running.asking = asking = Asking(running.file, place, arrived)
            self._news.put(asking)
            return asking.wait()

        def work() -> Published:
            try:
                place.check()
                published = fetch(wanted, options, tick, facts, publish=hand_over, session=self.session)
                said = misplaced(file.path, place, published.size)
                return replace(published, warnings=(*published.warnings, said)) if said else published
            finally:
                self._news.put(running)

        running.task = Task(work, "file")

    # --- what they say ---------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Wait a moment for files that are complete or over, then see to all of them together."""
        asking, over = self._heard(LOOK_SECONDS)
        if asking:
            name_files(self.state, asking)
            self._named |= {name for one in asking for name in (canonical(one.file.path), one.arrived.result.sha256)}
            if time.monotonic() - self._told_scans > SCAN_SECONDS:
                self._told_scans = time.monotonic()
                scan.changed()
        for running in over:
            self._end(running)

    def _heard(self, seconds: float) -> tuple[list[Asking], list[Running]]:
        asking: list[Asking] = []
        over: list[Running] = []
        with suppress(Empty):
            news = self._news.get(timeout=seconds)
            while True:
                if isinstance(news, Asking):
                    asking.append(news)
                elif news:
                    over.append(news)
                news = self._news.get_nowait()
        return asking, over

    def _show_life(self) -> None:
        """As long as each file's thread does so: one that hangs is to be seen by the supervisor."""
        now = time.monotonic()
        if all(now - running.ticked < heartbeat.HUNG_AFTER for running in self.running if not running.asking):
            heartbeat.working(heartbeat.HUNG_AFTER)

    def _end(self, running: Running) -> None:
        self.running.remove(running)
        assert running.task
        try:
            published = running.task.result()
        except TransferError as refusal:
            self._refuse(running.file, refusal)
        else:
            self._complete(running, published)

    def _complete(self, running: Running, published: Published) -> None:
        file = running.file
        self.state.warnings.extend(published.warnings)
        if running.asking is None:  # it stood there already and was hashed
            self.state.while_ours(
                lambda: ModelFile.renew(file.path, published.size, published.mtime_ns, published.sha256, file.url)
            )
        self.state.note(
            file,
            status=FileStatus.COMPLETED,
            bytes_done=published.size,
            bytes_total=published.size,
            sha256=published.sha256,
            etag=published.etag,
            speed=0,
            connections=0,
            error="",
        )

    def _refuse(self, file: DownloadFile, refusal: TransferError) -> None:
        if file.optional and refusal.reason not in WAITING_REASONS:
            self.state.give_up_optional(file, refusal)
            return
        kept = bytes_kept(file)
        self.state.note(file, status=FileStatus.FAILED, error=str(refusal), bytes_done=kept, speed=0, connections=0)
        self._refusals.append(refusal)
        if refusal.reason == "disk_full":
            raise refusal

    # --- the end ---------------------------------------------------------------------------------------------------

    def _end_all(self) -> None:
        """Those that still run stop within a second and keep their bytes; what got its name meanwhile counts."""
        if not self.running:
            return
        self._stop.set()
        self.session.close()
        for running in list(self.running):
            assert running.task
            while not running.task.done.wait(LEAVE_SECONDS):
                for asking in self._heard(0)[0]:
                    asking.answer(False)
            self.running.remove(running)
            with suppress(TransferError, Stopped, OSError):
                self._complete(running, running.task.result())
                continue
            file = running.file
            self.state.note(
                file, status=FileStatus.PENDING, bytes_done=bytes_kept(file), speed=0, connections=0, error=""
            )
