"""Some of many: those that answer the filters and stand in a tab, in an order, one page of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import QueryDict

from listings.filters import FilterForm

MOST_PAGES = 20  # that one answer brings at once
Item = TypeVar("Item")
Shown = TypeVar("Shown")


@dataclass(frozen=True)
class Order(Generic[Item]):
    label: str
    key: Callable[[Item], Any] | None = None  # None: as the items come


@dataclass(frozen=True)
class Tab:
    value: str  # in the address; "" for the first one
    label: str
    count: int
    address: str
    parameters: str  # JSON: what it changes of the form
    is_chosen: bool


class Listing(Generic[Item, Shown]):
    """A listing says what it is made of by the methods from `items` on; templates read the attributes.

    What stands in the database overrides `selected` with a QuerySet and needs no `items`.
    """

    form_class: type[FilterForm]
    tab_field = ""  # of the form: which tab is chosen
    shows_empty_tabs = False
    orders: Mapping[str, Order[Item]] = {"": Order("")}
    page_size = 24

    form: FilterForm
    tabs: list[Tab]
    page: Page[Item]
    entries: Sequence[Shown]  # of this page

    def __init__(self, query: QueryDict, cards_shown: str = "") -> None:
        self.query = query
        self.form = self.form_class.of(query)
        self.chosen = self.form.chosen
        self.words = self.chosen.get("q", "").lower().split()
        self.tabs = []
        self.page = page_of(self.selected(), self.page_size, query.get("page", "1"), cards_shown)
        self.entries = self.shown(list(self.page.object_list))

    @property
    def narrows(self) -> bool:
        return self.form.narrows

    @property
    def cleared(self) -> str:
        """The address without what narrows: tab, order and view stay."""
        kept = {name: str(value) for name, value in self.form.kept.items() if value}
        return f"?{urlencode(kept)}" if kept else ""

    def selected(self) -> Sequence[Item] | QuerySet[Any, Item]:
        """All that is asked for, in its order."""
        found = [item for item in self.items() if self.answers(item)]
        tabs = [self._tab(value, label, found) for value, label in self.tab_labels().items()]
        self.tabs = [tab for tab in tabs if tab.count or tab.is_chosen or self.shows_empty_tabs]
        chosen = self.chosen.get(self.tab_field, "")
        selected = [item for item in found if self.in_tab(item, chosen)]
        order = self.orders.get(self.chosen.get("sort", ""), self.orders[""])
        return sorted(selected, key=order.key) if order.key else selected

    def items(self) -> Iterable[Item]:
        raise NotImplementedError

    def answers(self, item: Item) -> bool:
        """Whether it is what the form asks for, the tab aside."""
        return True

    def tab_labels(self) -> Mapping[str, str]:
        """By the tab's value in the address."""
        return {}

    def in_tab(self, item: Item, tab: str) -> bool:
        return True

    def shown(self, items: list[Item]) -> Sequence[Shown]:
        """What the page needs of each item that stands on it."""
        raise NotImplementedError

    def holds_words(self, text: str) -> bool:
        """Whether every word of the search stands somewhere in a text, which is in small letters."""
        return all(word in text for word in self.words)

    def _tab(self, value: str, label: str, found: Sequence[Item]) -> Tab:
        others = {name: self.query[name] for name in self.query if name not in {self.tab_field, "page"}}
        return Tab(
            value,
            label,
            sum(self.in_tab(item, value) for item in found),
            "?" + urlencode(others | ({self.tab_field: value} if value else {})),
            json.dumps({self.tab_field: value}),
            value == self.chosen.get(self.tab_field, ""),
        )


def page_of(items: Sequence[Item] | QuerySet[Any, Item], size: int, number: str, cards_shown: str = "") -> Page[Item]:
    """A page, and those after it that were scrolled to: ``cards_shown`` cards stand there and are fetched anew."""
    paginator: Paginator[Item] = Paginator(items, size)
    first = paginator.get_page(number)
    more = min(-(-int(cards_shown[:6]) // size), MOST_PAGES) - 1 if cards_shown.isdecimal() else 0
    last = paginator.get_page(first.number + max(0, more))
    last.object_list = _between(items, max(0, first.start_index() - 1), last.end_index(), paginator.count)
    return last


def _between(
    items: Sequence[Item] | QuerySet[Any, Item], start: int, end: int, number: int
) -> Sequence[Item] | QuerySet[Any, Item]:
    """Of so many items. A database reads all that stand before a page: near the end it is asked from there."""
    if not isinstance(items, QuerySet) or start <= number // 2:
        return items[start:end]
    return list(items.reverse()[number - end : number - start])[::-1]
