"""Work in a thread while the caller's thread keeps ticking."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from downloads.transfer.types import Progress, Tick
from webclient.errors import Stopped

Answer = TypeVar("Answer")


class Task(Generic[Answer]):
    """A call in a daemon thread: one that hangs in a name look-up may be left behind without holding anybody up.

    Whatever the call raises is kept for the thread that asks for the result.
    """

    def __init__(self, work: Callable[[], Answer], name: str) -> None:
        self._work = work
        self._answer: list[Answer] = []
        self._error: BaseException | None = None
        self.done = threading.Event()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        try:
            self._answer.append(self._work())
        except BaseException as error:  # as in concurrent.futures, whose threads would hold up the end of the process
            self._error = error
        finally:
            self.done.set()

    def result(self) -> Answer:
        """What the call returned or raised, waited for."""
        self.done.wait()
        if self._error is not None:
            raise self._error
        return self._answer[0]


def watch(
    work: Callable[[], Answer], tick: Tick, interval: float, progress: Callable[[], Progress], name: str = "transfer"
) -> Answer:
    """Run work in a thread, ticking each interval (seconds) until it is done. Raises Stopped by the tick."""
    task = Task(work, name)
    while not task.done.wait(interval):
        if not tick(progress()):
            raise Stopped
    return task.result()
