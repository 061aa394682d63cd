"""Back-off that can be interrupted and that a person can watch.

By hand, not tenacity: its waits cannot be interrupted, watched, or given by a host.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from downloads.transfer.background import watch
from downloads.transfer.types import Options, Progress, Tick
from webclient.errors import Stopped, TransferError, Transient

Answer = TypeVar("Answer")
LEAST_PAUSE = 1.0  # seconds; "Retry-After: 0" is no reason to storm a host
MAX_PAUSES = 20  # pauses that a host asked for, one after the other, before we stop believing it


class Pauses:
    """How long hosts may hold an install up by asking for pauses: from the first one until bytes arrive."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._end: float | None = None
        self._lock = threading.Lock()

    def have_room_for(self, wait: float) -> bool:
        now = time.monotonic()
        with self._lock:
            self._end = now + self._longest if self._end is None else self._end
            return now + wait <= self._end

    def over(self) -> None:
        with self._lock:
            self._end = None


class HostPauses:
    """Hosts that asked to be left alone: all files of an install hold that together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[str, tuple[float, str]] = {}

    def note(self, host: str, seconds: float, sentence: str) -> None:
        until = time.monotonic() + seconds
        with self._lock:
            if until > self._until.get(host, (0.0, ""))[0]:
                self._until[host] = (until, sentence)

    def left(self, host: str) -> tuple[float, str]:
        """Seconds that it is to be left alone yet, and why."""
        with self._lock:
            until, sentence = self._until.get(host, (0.0, ""))
        return max(0.0, until - time.monotonic()), sentence


@dataclass
class Backoff:
    """Counts attempts without progress and waits between them: base · 2ⁿ, at most the cap, or what the host asks."""

    options: Options
    tick: Tick
    attempt: int = 1
    pauses: int = 0
    total: int = 1  # attempts over all, progress or not
    bytes_done: int = 0
    bytes_total: int | None = None
    host: str = ""
    pauses_of_hosts: HostPauses = field(default_factory=HostPauses)
    held_up: Pauses = field(init=False)

    def __post_init__(self) -> None:
        self.held_up = Pauses(self.options.max_waits)

    def progressed(self) -> None:
        self.attempt, self.pauses = 1, 0
        self.held_up.over()

    def through(self, ask: Callable[[], Answer]) -> Answer:
        """Ask, in a thread, until there is an answer. Raises the last TransferError, and Stopped by the tick."""
        while True:
            self.leave_alone()
            try:
                return watch(ask, self.tick, self.options.tick_interval, self._asking)
            except Transient as failure:
                self.after(failure)

    def leave_alone(self) -> None:
        """Wait while the host asks for it, whichever file of the install it said so to. Raises Stopped."""
        left, sentence = self.pauses_of_hosts.left(self.host)
        if left > 0:
            self._wait(left, sentence)

    def _asking(self) -> Progress:
        return Progress(
            "downloading",
            self.bytes_done,
            self.bytes_total,
            attempt=self.attempt,
            max_attempts=self.options.max_attempts,
        )

    def after(self, failure: Transient) -> None:
        """Wait before the next attempt, or raise when there is none left."""
        self.total += 1
        if failure.wait is not None and self._heeds(failure.wait):
            self.pauses += 1
            pause = max(failure.wait, min(LEAST_PAUSE, self.options.retry_base))
            self.pauses_of_hosts.note(self.host, pause, str(failure))
            self._wait(pause, str(failure))
            return
        if self.attempt >= self.options.max_attempts:
            raise TransferError(_final(str(failure)), reason=failure.reason, retry=True, wait=failure.wait) from failure
        pause = min(self.options.retry_cap, self.options.retry_base * 2 ** (self.attempt - 1))
        self.attempt += 1
        self._wait(pause, str(failure))

    def _heeds(self, wait: float) -> bool:
        return wait <= self.options.max_wait and self.pauses < MAX_PAUSES and self.held_up.have_room_for(wait)

    def _wait(self, seconds: float, error: str) -> None:
        end = time.monotonic() + seconds
        while True:
            left = max(0.0, end - time.monotonic())
            progress = Progress(
                status="retrying",
                bytes_done=self.bytes_done,
                bytes_total=self.bytes_total,
                attempt=self.attempt,
                max_attempts=self.options.max_attempts,
                retry_in=left,
                error=error,
            )
            if not self.tick(progress):
                raise Stopped
            if left <= 0:
                return
            time.sleep(min(left, self.options.tick_interval))


def _final(sentence: str) -> str:
    """The last failure, without promising another attempt."""
    for promise in (
        " It is tried again and continues where it stopped.",
        " It is tried again.",
        "; it is tried again.",
    ):
        sentence = sentence.replace(promise, "." if promise.startswith(";") else "")
    return f"{sentence} Retry continues from the bytes that are here."
