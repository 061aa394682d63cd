"""Does the worker still live? It touches a file; a time that stands still means that it hangs or is stopped."""

from __future__ import annotations

import time
from pathlib import Path

from comfydash.data_folders import seconds

LIMIT = seconds("COMFYDASH_HEARTBEAT_LIMIT", 30)  # seconds; lowered by tests only


class Heartbeat:
    """Compares the file's time with its last one, not with the clock: that may jump by a day."""

    def __init__(self, file: Path, interval: float) -> None:
        self.file = file
        self._interval = interval
        self._stamp = 0
        self._changed = self._asked = time.monotonic()

    def restart(self) -> None:
        self._changed = self._asked = time.monotonic()

    def stands_still(self) -> bool:
        """To be asked every ``interval`` seconds."""
        now = time.monotonic()
        slept = now - self._asked > 2 * self._interval + 1  # we did not run ourselves (laptop lid, SIGSTOP)
        self._asked = now
        try:
            stamp = self.file.stat().st_mtime_ns
        except OSError:
            stamp = self._stamp
        if stamp != self._stamp or slept:
            self._stamp, self._changed = stamp, now
        return now - self._changed > LIMIT
