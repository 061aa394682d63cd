"""Huey's queue in SQLite, whose workers are woken instead of asking again and again. It carries wake-ups only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huey.storage import SqliteStorage

from downloads.worker.wake_ups import WakeUps

POLL_SECONDS = 0.5  # between two looks of a worker that nobody woke


class SqliteQueue(SqliteStorage):  # type: ignore[misc]  # huey has no types
    def __init__(self, name: str, filename: str, run_dir: str = "", **settings: Any) -> None:
        super().__init__(name, filename, **settings)
        self._wake_ups = WakeUps(Path(filename).parent, run_dir)

    def work(self) -> None:
        """This process is a worker: `dequeue` waits."""
        self.blocking = self._wake_ups.listen()

    def enqueue(self, data: bytes, priority: int | None = None) -> None:
        super().enqueue(data, priority)
        self._wake_ups.send()

    def dequeue(self) -> bytes | None:
        heard = self._wake_ups.heard  # before the look, so that a word right after it is not lost
        found: bytes | None = super().dequeue()
        if found is None and self.blocking:
            self._wake_ups.wait(heard, POLL_SECONDS)
            found = super().dequeue()
        return found
