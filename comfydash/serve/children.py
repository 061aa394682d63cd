"""The supervisor's end: start a process, start it again when it dies, end it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from comfydash.data_folders import BASE_DIR
from comfydash.serve.parent_watch import GO, READY, VARIABLE

log = logging.getLogger(__name__)

FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0  # seconds before a dead child is started again
HEALTHY_AFTER = 60.0  # a child that lived this long starts with the first delay again


class Child:
    """One process: ``python -m comfydash.serve.NAME``. ``deaths`` counts those in quick succession."""

    def __init__(self, name: str, arguments: Sequence[str] = (), inherit: Sequence[int] = ()) -> None:
        self.name = name
        self.ready = False
        self.deaths = 0
        self.due: float | None = None  # monotonic time of the next start
        self.reason = ""  # why we killed it, when we did
        self.started = 0.0
        self.parent_watch: socket.socket | None = None
        self._arguments, self._inherit = list(arguments), list(inherit)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.parent_watch, theirs = socket.socketpair()
        self.parent_watch.setblocking(False)
        self.started, self.due, self.ready = time.monotonic(), None, False
        with theirs:
            # A process group of its own: Ctrl-C at the terminal reaches the supervisor alone, which ends all in order.
            self._process = subprocess.Popen(
                python(f"comfydash.serve.{self.name}", *self._arguments),
                env=environment() | {VARIABLE: str(theirs.fileno())},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), *self._inherit],
                process_group=0,
            )

    @property
    def title(self) -> str:
        return {"web": "web server"}.get(self.name, self.name)

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def go(self) -> None:
        if self.parent_watch is not None:
            try:
                self.parent_watch.send(GO)
            except OSError:
                log.debug("%s ended before it was needed", self.name)

    def listen(self) -> bool:
        """Whether it has just said that it is ready."""
        try:
            word = self.parent_watch.recv(1) if self.parent_watch else b""
        except BlockingIOError:
            return False
        except OSError:
            word = b""
        if not word and self.parent_watch:  # it is ending; SIGCHLD follows
            self.parent_watch.close()
            self.parent_watch = None
        self.ready = word == READY
        return self.ready

    def reap(self) -> int | None:
        """The exit status once, when it has ended (negative: the signal that killed it)."""
        status = self._process.poll() if self._process else None
        if status is not None:
            self._process = None
            if self.parent_watch is not None:
                self.parent_watch.close()
                self.parent_watch = None
        return status

    def schedule_restart(self) -> float:
        """Seconds until it is due again."""
        now = time.monotonic()
        self.deaths = 1 if now - self.started > HEALTHY_AFTER else self.deaths + 1
        delay = min(FIRST_DELAY * 2.0 ** (self.deaths - 1), LONGEST_DELAY)
        self.due = now + delay
        return delay

    def signal(self, number: signal.Signals, reason: str = "") -> None:
        self.reason = reason
        if self._process is not None:
            self._process.send_signal(number)


def how_it_ended(status: int, reason: str = "") -> str:
    if reason:
        return reason
    if status < 0:
        return f"it was killed by signal {-status} ({signal.strsignal(-status)})"
    return f"it ended with status {status}"


def python(module: str, *arguments: str) -> list[str]:
    """The command for one of our modules, whatever the working directory is (paths in the environment may be relative
    to it, so it stays).
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(BASE_DIR), os.environ.get("PYTHONPATH", "")]))
    return os.environ | {"PYTHONPATH": path}
