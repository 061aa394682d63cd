"""Which bytes of a file are there: sorted, disjoint, half-open [start, end) ranges."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator


class Extents:
    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._ranges: list[tuple[int, int]] = []
        for start, end in ranges:
            self.add(start, end)

    def add(self, start: int, end: int) -> None:
        """Bytes [start, end) are there now; ranges that touch become one."""
        if start >= end:
            return
        first = bisect_left(self._ranges, start, key=lambda known: known[1])
        last = first
        while last < len(self._ranges) and self._ranges[last][0] <= end:
            last += 1
        if first < last:
            start = min(start, self._ranges[first][0])
            end = max(end, self._ranges[last - 1][1])
        self._ranges[first:last] = [(start, end)]

    @property
    def front(self) -> int:
        """Bytes from the beginning without a hole."""
        return self._ranges[0][1] if self._ranges and self._ranges[0][0] == 0 else 0

    @property
    def total(self) -> int:
        return sum(end - start for start, end in self._ranges)

    def missing(self, size: int) -> list[tuple[int, int]]:
        """The holes of a file of `size` bytes, in file order."""
        holes, position = [], 0
        for start, end in self._ranges:
            if position < min(start, size):
                holes.append((position, min(start, size)))
            position = max(position, end)
        if position < size:
            holes.append((position, size))
        return holes

    def within(self, size: int) -> Extents:
        """The same, cut off at `size`."""
        return Extents((start, min(end, size)) for start, end in self._ranges)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._ranges)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Extents) and self._ranges == other._ranges

    def __repr__(self) -> str:
        return f"Extents({self._ranges})"
