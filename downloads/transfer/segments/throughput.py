"""How fast bytes come."""

from __future__ import annotations

from collections import deque


class Throughput:
    """Bytes per second over the last seconds."""

    def __init__(self, seconds: float = 2.0) -> None:
        self.seconds = seconds
        self.rate = 0.0
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, now: float, total: int) -> bool:
        """Whether the total rose."""
        rose = not self._samples or total > self._samples[-1][1]
        self._samples.append((now, total))
        while len(self._samples) > 2 and now - self._samples[1][0] > self.seconds:
            self._samples.popleft()
        first = self._samples[0]
        self.rate = (total - first[1]) / (now - first[0]) if now > first[0] else 0.0
        return rose
