"""What a transfer tells while it runs, and how it hears that it is to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from downloads.transfer.background import watch
from downloads.transfer.backoff import Backoff
from downloads.transfer.segments.throughput import Throughput
from downloads.transfer.types import Options, Progress, Tick
from webclient.errors import Stopped

SPEED_SECONDS = 5.0
WRITING = "The disk is still writing what has arrived."

Answer = TypeVar("Answer")


class ProgressReporter:
    """Calls the tick from the thread of fetch, with the speed of the last seconds and the number of the try."""

    def __init__(self, options: Options, tick: Tick, backoff: Backoff) -> None:
        self.options, self.backoff = options, backoff
        self._tick = tick
        self._ticked = 0.0
        self._speed = Throughput(SPEED_SECONDS)

    def received(self, count: int) -> bool:
        """`count` bytes have arrived in all; whether it is time to tell."""
        now = time.monotonic()
        self._speed.add(now, count)
        return now - self._ticked >= self.options.tick_interval

    def tell(self, status: str, done: int, total: int | None, connections: int = 0, *, writing: bool = False) -> None:
        """Raises Stopped when nobody wants the file any more."""
        self._ticked = time.monotonic()
        if not self._tick(self._progress(status, done, total, connections, writing)):
            raise Stopped

    def watch(
        self, work: Callable[[], Answer], done: Callable[[], int], total: int, *, writing: bool = False
    ) -> Answer:
        """Tell of work in a thread that reads `total` bytes, or waits until they are written. Raises Stopped, and what
        the work raised."""

        def progress() -> Progress:
            return self._progress("verifying", done(), total, writing=writing)

        return watch(work, self._tick, self.options.tick_interval, progress)

    def _progress(
        self, status: str, done: int, total: int | None, connections: int = 0, writing: bool = False
    ) -> Progress:
        return Progress(
            status=status,
            bytes_done=done,
            bytes_total=total,
            speed=self._speed.rate if status == "downloading" and not writing else 0.0,
            connections=connections,
            attempt=self.backoff.attempt,
            max_attempts=self.options.max_attempts,
            error=WRITING if writing else "",
        )
