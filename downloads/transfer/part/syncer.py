"""Bytes to the platter while the rest arrives, so that the last fsync is short and a power cut costs a second."""

from __future__ import annotations

from downloads.transfer.background import Task
from downloads.transfer.part.file import Partial

EVERY = 1.0  # seconds


class Syncer:
    def __init__(self, partial: Partial) -> None:
        self.partial = partial
        self._stopped = False
        self._task = Task(self._run, "syncer")

    def _run(self) -> None:
        while not self._stopped:
            self.partial.wait_unsynced(EVERY, lambda: self._stopped)
            self.partial.sync()

    def raise_error(self) -> None:
        """In the caller's thread: what writing to the platter failed with, if it did."""
        if self._task.done.is_set():
            self._task.result()

    def stop(self) -> None:
        with self.partial.advanced:
            self._stopped = True
            self.partial.advanced.notify_all()
        self._task.done.wait()
