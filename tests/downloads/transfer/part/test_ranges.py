from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from downloads.transfer.part.ranges import Extents

RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


@given(RANGES, st.integers(0, 60))
def test_extents_are_the_set_of_their_bytes(ranges: list[tuple[int, int]], size: int) -> None:
    there = {byte for start, end in ranges for byte in range(start, end)}
    extents = Extents(ranges)
    assert {byte for start, end in extents for byte in range(start, end)} == there
    assert extents.total == len(there)
    assert extents.front == next(byte for byte in range(62) if byte not in there)
    missing = {byte for start, end in extents.missing(size) for byte in range(start, end)}
    assert missing == set(range(size)) - there
    assert all(before[1] < after[0] for before, after in zip(list(extents), list(extents)[1:], strict=False))
    assert extents.within(size) == Extents((start, min(end, size)) for start, end in ranges)
