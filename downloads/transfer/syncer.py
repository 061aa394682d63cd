"""Bytes to the platter while the rest arrives, so that the last fsync is short and a power cut costs a second."""

from __future__ import annotations

import threading

from downloads.transfer.errors import TransferError
from downloads.transfer.partial import Partial

EVERY = 1.0  # seconds
EVERY_BYTES = 64 << 20


class Syncer:
    def __init__(self, partial: Partial) -> None:
        self.partial = partial
        self._error: TransferError | OSError | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="syncer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stopped:
                self.partial.wait_unsynced(EVERY_BYTES, EVERY, lambda: self._stopped)
                self.partial.sync()
        except (TransferError, OSError) as error:
            self._error = error

    def raise_error(self) -> None:
        """In the caller's thread: what writing to the platter failed with, if it did."""
        if self._error:
            raise self._error

    def stop(self) -> None:
        with self.partial.advanced:
            self._stopped = True
            self.partial.advanced.notify_all()
        self._thread.join()
