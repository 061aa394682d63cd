"""Starts the parts of the dashboard in order, keeps them running, ends them. Never loads Django: it stays small.

What happens at SIGTERM (Ctrl-C and SIGHUP are the same), all within five seconds:

1. `Supervisor` hears it between two looks and signals all its children.
2. The worker's consumer sets its stop flag (`downloads/worker/consumer.py`); a running install sees it at its next
   tick, stops its transfer and gives its row back (`DownloadHistory.give_back`): it is queued again at its old place,
   with its bytes in the `.part`.
3. The web server takes no new connections, ends its sockets, and goes.
4. Who has not ended after GRACE_SECONDS is killed; the exit status then is HAD_TO_KILL. A worker that was killed leaves
   its row downloading; the next drain fails it as interrupted, and Retry continues from the bytes.
5. The locks go with their processes.

By hand, not supervisord, circus or honcho: heartbeats, one inherited socket and the order of the start are ours.
"""

from __future__ import annotations

import argparse
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from comfydash import data_folders
from comfydash.serve import disk_reserve, options, ports
from comfydash.serve.children import Child, how_it_ended
from comfydash.serve.folders import keep_private, prepare_data_dir, remake_queue_if_broken
from comfydash.serve.heartbeat import LIMIT, Heartbeat
from comfydash.serve.locks import Role, RoleLock
from comfydash.serve.log_setup import open_log, rotate
from comfydash.serve.pulse import LIMIT as PULSE_LIMIT
from comfydash.serve.pulse import Pulse
from comfydash.serve.trouble import CannotStart

log = logging.getLogger("comfydash.serve")

STOPPED, COULD_NOT_START, HAD_TO_KILL, INTERRUPTED = 0, 1, 3, 130  # exit statuses; 2 is argparse's
GRACE_SECONDS = 4.5  # from SIGTERM to SIGKILL: all is over within five seconds
TICK = min(5.0, LIMIT / 4, PULSE_LIMIT / 4)  # seconds between two looks at heartbeat and log file
LOADING_SECONDS = 10 * LIMIT  # before a worker's first beat: a slow disk, a busy machine
HOPELESS_AFTER = 3  # deaths of a web server that never came up
ROLES: tuple[Role, Role] = ("web", "worker")


def main(arguments: list[str]) -> int:
    chosen = options.parse(arguments)
    try:
        log_file = open_log(data_folders.log_dir())
        return Supervisor(chosen, data_folders.data_dir(), log_file).run()
    except CannotStart as trouble:
        log.error("%s", trouble)
        return COULD_NOT_START
    except KeyboardInterrupt:  # before signals are caught
        return INTERRUPTED


class Supervisor:
    def __init__(self, chosen: argparse.Namespace, data_dir: Path, log_file: Path) -> None:
        """Takes locks and port. Raises CannotStart."""
        disk_reserve.make_or_drop(data_dir)
        prepare_data_dir(data_dir)
        self._locks = {role: RoleLock(data_dir, role) for role in ROLES}
        ours = [role for role in ROLES if not getattr(chosen, f"no_{role}")]
        for role in ours:
            self._locks[role].take()
        alone = all(self._locks[role].is_free() for role in ROLES if role not in ours)
        if alone:
            remake_queue_if_broken(data_dir / "queue.db")
        keep_private(data_dir)

        self.address = ""
        place: list[str] = []
        self.web: Child | None = None
        self.worker = Child("worker") if "worker" in ours else None
        if "web" in ours:
            self._listener = ports.listen(chosen.host, chosen.port)
            self.address = ports.url(chosen.host, self._listener.getsockname()[1])
            place = ["--host", chosen.host, "--port", str(self._listener.getsockname()[1])]
            number = self._listener.fileno()
            self.web = Child("web", [str(number)], inherit=[number])
            self._pulse = Pulse(self._listener, TICK)
        for role in ours:
            self._locks[role].sign(self.address or "a worker without pages")
        self.prepare = Child("prepare", ["--alone"] * alone + place)
        self._reports: list[Child] = []
        self._heartbeat = Heartbeat(data_dir / "worker.heartbeat", TICK)
        self._log_file = log_file
        self._prepared = False
        self._hopeless = False
        self._asked_to_stop = 0  # signals received

    def run(self) -> int:
        """Until a signal comes or there is no hope. Returns the exit status."""
        self._catch_signals()
        self.prepare.start()
        self.prepare.go()
        if self.web:
            self.web.start()  # loads Django meanwhile and waits for the word
        next_tick = time.monotonic() + TICK
        while not self._asked_to_stop and not self._hopeless:
            self._wait_until(min([next_tick, *(child.due for child in self._parts() if child.due)]))
            self._look_after_children()
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + TICK
                self._replace_hanging_worker()
                self._replace_hanging_web()
                self._yield_to_a_successor()
                rotate(self._log_file)
        clean = self._stop()
        if self._hopeless:
            return COULD_NOT_START
        log.info("Stopped.")
        return STOPPED if clean else HAD_TO_KILL

    # --- Children

    def _parts(self) -> list[Child]:
        return [child for child in (self.web, self.worker) if child]

    def _everyone(self) -> Iterator[Child]:
        yield from (child for child in [self.prepare, *self._parts(), *self._reports] if child.running)

    def _look_after_children(self) -> None:
        for child in list(self._everyone()):
            if not child.ready and child.listen():
                self._became_ready(child)
            status = child.reap()
            if status is None:
                continue
            if child is self.prepare:
                if not self._prepared:
                    self._hopeless = True
                    log.error("Not started: the preparations did not succeed; the lines above say why.")
            elif child in self._reports:
                self._reports.remove(child)
            else:
                self._plan_restart(child, how_it_ended(status, child.reason))
        for child in self._parts():
            if child.due and time.monotonic() >= child.due:
                self._start(child)

    def _became_ready(self, child: Child) -> None:
        if child is self.prepare:  # the database is; it goes on with what need not be waited for
            self._prepared = True
            if self.web:
                self.web.go()
            else:
                log.info("The worker starts; the pages are served by another process.")
            if self.worker:
                self._start(self.worker)
        elif child is self.web:
            self._pulse.restart()
            log.info("ComfyDash is ready: %s", self.address)
        elif child is self.worker:
            self._heartbeat.restart()

    def _start(self, child: Child) -> None:
        child.start()
        if self._prepared:
            child.go()

    def _plan_restart(self, child: Child, how: str) -> None:
        never_came_up = child is self.web and not child.ready
        delay = child.schedule_restart()
        child.reason = ""
        if never_came_up and child.deaths >= HOPELESS_AFTER:
            log.error("The %s ended (%s) and does not come up at all. Its own lines above say why.", child.title, how)
            self._hopeless = True
            return
        log.error("The %s ended (%s). It starts again in %.0f s.", child.title, how, delay)
        if self._prepared and child.deaths.bit_count() == 1:  # 1, 2, 4, 8 …: a crash loop must not fill the activity
            report = Child("report", [child.name, f"{how}; restart {child.deaths} in a row"])
            report.start()
            self._reports.append(report)

    def _replace_hanging_worker(self) -> None:
        still = self._heartbeat.stands_still()
        if not self.worker or not self.worker.running:
            return
        loading = not self.worker.ready and time.monotonic() - self.worker.started < LOADING_SECONDS
        if still and not loading:
            self.worker.signal(signal.SIGKILL, reason=f"it had not moved for {LIMIT:.0f} s and was killed")

    def _replace_hanging_web(self) -> None:
        """One that loads, or waits for the preparations, is asked nothing: a slow start is no death."""
        if self.web and self.web.running and self.web.ready and self._pulse.stands_still():
            self.web.signal(signal.SIGKILL, reason=f"it had answered nobody for {PULSE_LIMIT:.0f} s and was killed")

    def _yield_to_a_successor(self) -> None:
        if any(lock.is_lost for lock in self._locks.values()):
            log.error("Another ComfyDash has taken over, because this one was silent for too long. This one ends.")
            self._hopeless = True

    def _stop(self) -> bool:
        """End every child, in order and in time. Returns whether none had to be killed."""
        for child in self._everyone():
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        clean = True
        while any(self._everyone()):
            if clean and (time.monotonic() >= deadline or self._asked_to_stop > 1):
                clean = False
                for child in self._everyone():
                    log.warning("The %s did not end in time and is killed.", child.title)
                    child.signal(signal.SIGKILL)
            self._wait_until(deadline if clean else time.monotonic() + 1)
            for child in list(self._everyone()):
                child.reap()
        return clean

    # --- Signals

    def _catch_signals(self) -> None:
        self._wakeup, writer = os.pipe()
        for end in (self._wakeup, writer):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_stop_signal)

    def _on_stop_signal(self, number: int, frame: FrameType | None) -> None:
        self._asked_to_stop += 1

    def _wait_until(self, moment: float) -> None:
        """Sleeps; a signal or a word from a child ends it early."""
        silent = [child.parent_watch for child in self._everyone() if child.parent_watch and not child.ready]
        watched: list[int | socket.socket] = [self._wakeup, *silent]
        ready, _, _ = select.select(watched, [], [], max(0.0, moment - time.monotonic()))
        if self._wakeup in ready:
            os.read(self._wakeup, 4096)
