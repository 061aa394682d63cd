"""Search, tabs, orders and pages, whatever is listed."""

from __future__ import annotations

import pytest
from django.http import QueryDict

from listings.filters import FilterForm, hidden, one_of, search
from listings.listing import MOST_PAGES, Listing, Order, page_of

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


class Words(FilterForm):
    length = hidden()
    q = search("Word")
    sort = one_of("Order", {"": "As they come", "end": "By the end"})


class WordListing(Listing[str, str]):
    form_class = Words
    tab_field = "length"
    orders = {"": Order("As they come"), "end": Order("By the end", lambda word: word[::-1])}
    page_size = 2

    def items(self) -> list[str]:
        return ["pear", "fig", "apple", "plum"]

    def answers(self, item: str) -> bool:
        return self.holds_words(item)

    def tab_labels(self) -> dict[str, str]:
        return {"": "All", "3": "Three", "4": "Four", "9": "Nine"}

    def in_tab(self, item: str, tab: str) -> bool:
        return not tab or len(item) == int(tab)

    def shown(self, items: list[str]) -> list[str]:
        return [item.upper() for item in items]


@pytest.mark.parametrize(
    ("query", "entries"),
    [
        ("", ["PEAR", "FIG"]),
        ("page=2", ["APPLE", "PLUM"]),
        ("page=x", ["PEAR", "FIG"]),
        ("q=P+L", ["APPLE", "PLUM"]),
        ("sort=end", ["APPLE", "FIG"]),
        ("sort=nonsense&length=4", ["PEAR", "PLUM"]),
        ("q=nothing", []),
    ],
)
def test_a_listing_searches_orders_and_pages(query: str, entries: list[str]) -> None:
    assert WordListing(QueryDict(query)).entries == entries


def test_tabs_count_what_answers_and_keep_the_rest_of_the_address() -> None:
    listing = WordListing(QueryDict("q=p&sort=end&length=4&page=2"))
    assert [(tab.label, tab.count, tab.is_chosen) for tab in listing.tabs] == [("All", 3, False), ("Four", 2, True)]
    assert [tab.address for tab in listing.tabs] == ["?q=p&sort=end", "?q=p&sort=end&length=4"]
    assert [tab.parameters for tab in listing.tabs] == ['{"length": ""}', '{"length": "4"}']


def test_the_chosen_tab_stays_in_sight_when_nothing_is_in_it() -> None:
    assert [tab.value for tab in WordListing(QueryDict("q=fig&length=4")).tabs] == ["", "3", "4"]
