"""Which bytes are handed out next, and to whom."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from downloads.transfer.part.ranges import Extents
from downloads.transfer.segments.plan import LARGEST, SMALLEST, Plan


@given(st.integers(1, 40), st.integers(1, 16), st.integers(0, 1 << 32))
def test_a_plan_hands_out_every_byte_once(megabytes: int, connections: int, seed: int) -> None:
    dice = random.Random(seed)
    size = megabytes * 3_000_001
    plan, done = Plan([(0, size)]), Extents()
    taken: list[Any] = []
    for _ in range(10_000):
        if len(taken) < connections and (segment := plan.take(connections, dice.uniform(0, 1e8))):
            taken.append(segment)
        if not taken:
            break
        segment = taken.pop(dice.randrange(len(taken)))
        step = min(segment.end - segment.position, dice.randrange(1, LARGEST))
        assert done.total + step == (done.add(segment.position, segment.position + step), done.total)[1]  # type: ignore[func-returns-value]
        segment.position += step
        if segment.position < segment.end and dice.random() < 0.5:
            taken.append(segment)
        else:
            plan.give_back(segment)
    assert done == Extents([(0, size)])


def test_pieces_come_in_file_order_large_first_small_at_the_end() -> None:
    plan = Plan([(0, 2_000_000_000)])
    segments = []
    while segment := plan.take(4, 100e6):
        segments.append(segment)
        segment.position = segment.end
        plan.give_back(segment)
    assert [segment.start for segment in segments] == sorted(segment.start for segment in segments)
    lengths = [segment.end - segment.start for segment in segments]
    assert lengths[0] == LARGEST
    assert lengths[-1] <= 2 * SMALLEST
