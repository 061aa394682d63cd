"""Which bytes are asked for next: segments in file order, of guided sizes, so that the hashing front can follow."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

SMALLEST = 2 << 20
LARGEST = 64 << 20
PIECE_SECONDS = 1.0  # what a segment should take one connection; a request costs a round trip each time


@dataclass(eq=False)
class Segment:
    """Bytes [start, end) for one connection; position is the first that is not on disk yet.

    end may come nearer while the segment is fetched, when an idle connection takes the rest over.
    """

    start: int
    end: int
    position: int


class Plan:
    def __init__(self, holes: Iterable[tuple[int, int]]) -> None:
        self._lock = threading.Lock()
        self._holes = sorted(holes)
        self._taken: list[Segment] = []

    def take(self, connections: int, rate: float) -> Segment | None:
        """The next segment for one of `connections`, each doing about `rate` bytes/s; None when nothing is left to do.

        When every byte is spoken for, the second half of the longest rest is taken over from its connection.
        """
        with self._lock:
            if self._holes:
                start, end = self._holes[0]
                left = sum(stop - begin for begin, stop in self._holes)
                length = min(end - start, _guided(left, connections, rate))
                if end - start - length < SMALLEST // 2:
                    length = end - start
                segment = Segment(start, start + length, start)
                self._holes[0:1] = [(segment.end, end)] if segment.end < end else []
            else:
                halved = self._halve()
                if halved is None:
                    return None
                segment = halved
            self._taken.append(segment)
            return segment

    def _halve(self) -> Segment | None:
        longest = max(self._taken, key=lambda segment: segment.end - segment.position, default=None)
        if longest is None or longest.end - longest.position < 2 * SMALLEST:
            return None
        middle = (longest.position + longest.end) // 2
        segment = Segment(middle, longest.end, middle)
        longest.end = middle
        return segment

    def give_back(self, segment: Segment) -> None:
        """A connection is done with a segment, or with as much of it as it got."""
        with self._lock:
            if segment in self._taken:
                self._taken.remove(segment)
            if segment.position < segment.end:
                self._holes.append((segment.position, segment.end))
                self._holes.sort()

    @property
    def idle(self) -> bool:
        """No byte is left that nobody fetches."""
        with self._lock:
            return not self._holes


def _guided(left: int, connections: int, rate: float) -> int:
    """Large while much is left and small near the end; as long as a connection takes about PIECE_SECONDS."""
    wanted = int(min(rate * PIECE_SECONDS, left / (2 * max(1, connections))))
    return max(SMALLEST, min(LARGEST, wanted))
