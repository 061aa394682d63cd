"""Work in a thread while the caller's thread keeps ticking."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from downloads.transfer.types import Progress, Tick
from webclient.errors import Stopped

Answer = TypeVar("Answer")


IDLE_SECONDS = 5.0  # that a thread waits for more to do; starting one costs more than what a small file has to do in it
MOST_IDLE = 32


class Task(Generic[Answer]):
    """A call in a daemon thread: one that hangs in a name look-up may be left behind without holding anybody up.

    Whatever the call raises is kept for the thread that asks for the result.
    """

    def __init__(self, work: Callable[[], Answer], name: str) -> None:
        self._work = work
        self._name = name
        self._answer: list[Answer] = []
        self._error: BaseException | None = None
        self.done = threading.Event()
        try:
            thread = _mine.idle.pop()
        except IndexError:
            thread = _Thread(_mine.idle)
        thread.tasks.put(self)

    def run(self) -> None:
        threading.current_thread().name = self._name
        try:
            self._answer.append(self._work())
        except BaseException as error:  # as in concurrent.futures, whose threads would hold up the end of the process
            self._error = error
        finally:
            del self._work  # and what it holds
            threading.current_thread().name = "idle"
            self.done.set()

    def result(self) -> Answer:
        """What the call returned or raised, waited for."""
        self.done.wait()
        if self._error is not None:
            raise self._error
        return self._answer[0]


class _Thread:
    """Runs one task after the other for the thread that started it, until none has come for a while."""

    def __init__(self, idle: list[_Thread]) -> None:
        self.tasks: SimpleQueue[Task[Any]] = SimpleQueue()
        self._idle = idle  # those of the same starter: one thread takes from it, each of them adds itself
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                self.tasks.get(timeout=IDLE_SECONDS).run()
            except Empty:
                try:
                    self._idle.remove(self)
                except ValueError:  # it has just been taken
                    continue
                return
            if len(self._idle) >= MOST_IDLE:
                return
            self._idle.append(self)


class _Mine(threading.local):
    def __init__(self) -> None:
        self.idle: list[_Thread] = []


_mine = _Mine()


def watch(
    work: Callable[[], Answer], tick: Tick, interval: float, progress: Callable[[], Progress], name: str = "transfer"
) -> Answer:
    """Run work in a thread, ticking each interval (seconds) until it is done. Raises Stopped by the tick."""
    task = Task(work, name)
    while not task.done.wait(interval):
        if not tick(progress()):
            raise Stopped
    return task.result()
