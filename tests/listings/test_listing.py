"""Pages of cards: one after the other, or as many as are shown already."""

from __future__ import annotations

import pytest

from listings.listing import MOST_PAGES, page_of

CARDS = list(range(100))


@pytest.mark.parametrize(
    ("number", "shown", "cards", "following"),
    [
        ("1", "", CARDS[:10], 2),
        ("1", "10", CARDS[:10], 2),
        ("1", "11", CARDS[:20], 3),
        ("3", "", CARDS[20:30], 4),
        ("3", "20", CARDS[20:40], 5),
        ("9", "500", CARDS[80:], None),
        ("99", "", CARDS[90:], None),
        ("x", "-5", CARDS[:10], 2),
        ("1", "9" * 5000, CARDS, None),
        ("1", "0", CARDS[:10], 2),
    ],
)
def test_what_a_page_holds(number: str, shown: str, cards: list[int], following: int | None) -> None:
    page = page_of(CARDS, 10, number, shown)
    assert list(page.object_list) == cards
    assert (page.next_page_number() if page.has_next() else None) == following


def test_nothing_is_a_page_too() -> None:
    assert list(page_of([], 10, "1", "30").object_list) == []


def test_one_answer_has_a_limit() -> None:
    assert len(page_of(range(1000), 10, "1", "900").object_list) == MOST_PAGES * 10
