"""Counts in sentences: one, some, all and none."""

from __future__ import annotations

import pytest

from values.counts import apportioned, counted, share_is, size_of


@pytest.mark.parametrize(("count", "said"), [(0, "0 files"), (1, "1 file"), (2, "2 files")])
def test_one_is_no_plural(count: int, said: str) -> None:
    assert counted(count, "file") == said


@pytest.mark.parametrize(
    ("count", "whole", "said"),
    [
        (1, 1, "It is"),
        (0, 1, "None of 1 is"),
        (0, 4, "None of 4 is"),
        (1, 4, "1 of 4 is"),
        (3, 4, "3 of 4 are"),
        (4, 4, "All 4 are"),
    ],
)
def test_all_is_no_part(count: int, whole: int, said: str) -> None:
    assert share_is(count, whole) == said


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((4, 0, 0), "All 4 are queued."),
        ((1, 0, 0), "It is queued."),
        ((0, 0, 1), "It is refused."),
        ((0, 3, 0), "All 3 are here."),
        ((3, 1, 0), "3 of 4 are queued; 1 is here."),
        ((0, 2, 1), "2 of 3 are here; 1 is refused."),
        ((1, 2, 3), "1 of 6 is queued; 2 are here; 3 are refused."),
        ((0, 0, 0), "Nothing was asked for."),
    ],
)
def test_others_are_told_of_where_there_are_some(counts: tuple[int, int, int], said: str) -> None:
    assert apportioned(dict(zip(("queued", "here", "refused"), counts, strict=True))) == said


@pytest.mark.parametrize(
    ("done", "whole", "said"), [(0, 0, "0 B"), (5, None, "5 B"), (0, 5, "0 B of 5 B"), (5, 5, "5 B of 5 B")]
)
def test_of_an_unknown_size_no_whole_is_told(done: int, whole: int | None, said: str) -> None:
    assert size_of(done, whole) == said
