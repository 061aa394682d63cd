"""The bandwidth limit, shared by all connections and changeable while they run.

By hand, not pyrate-limiter or aiolimiter: their rates are fixed once they run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

ASK_EVERY = 0.25  # seconds
BURST_SECONDS = 0.1
LEAST_AT_ONCE = 16 << 10  # bytes
MOST_AT_ONCE = 1 << 30


class RateLimit:
    """A bucket that fills at rate() bytes/s. Each take may run into debt and then sleeps it off."""

    def __init__(self, rate: Callable[[], int]) -> None:
        self._rate = rate
        self._lock = threading.Lock()
        self._limit = 0
        self._asked = self._filled = float("-inf")
        self._tokens = 0.0

    @property
    def limited(self) -> bool:
        return self._limit > 0

    @property
    def most_at_once(self) -> int:
        """Bytes to be received before the next `take`, so that a slow line is seen to move."""
        return max(LEAST_AT_ONCE, int(self._limit * BURST_SECONDS)) if self._limit else MOST_AT_ONCE

    def refresh(self) -> None:
        """Ask what the limit is; from the thread that called fetch, since a database may be behind it."""
        now = time.monotonic()
        if now - self._asked >= ASK_EVERY:
            self._asked = now
            self._limit = max(0, self._rate())

    def take(self, count: int, leaving: threading.Event) -> None:
        """Wait until `count` more bytes may have been received; less when leaving or when the limit is lifted."""
        if not self._limit:
            return
        debt = self._spend(count)
        while debt > 0 and self._limit and not leaving.wait(min(debt, ASK_EVERY)):
            debt = self._spend(0)

    def _spend(self, count: int) -> float:
        """Seconds until the bucket is out of debt."""
        with self._lock:
            now, limit = time.monotonic(), self._limit
            if not limit:
                return 0.0
            if self._filled == float("-inf"):
                self._filled = now
            self._tokens = min(limit * BURST_SECONDS, self._tokens + (now - self._filled) * limit) - count
            self._filled = now
            return -self._tokens / limit
