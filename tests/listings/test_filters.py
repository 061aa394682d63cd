"""What stands in the address: taken where a field takes it, as if it were not there where not."""

from __future__ import annotations

from datetime import date

import pytest
from django import forms
from django.http import QueryDict

from listings.filters import DayField, FilterForm, box, hidden, one_of, search, select


class Shelf(FilterForm):
    id_prefix = "shelf-"

    tab = hidden()
    q = search("Name")
    kind = select("Kind", {"": "Any"})
    sort = one_of("Order", {"": "Newest", "name": "Name"})
    view = one_of("View", {"": "Grid", "list": "List"}, forms.RadioSelect())
    fits = box("Fits")
    day = DayField("Day")


NOTHING = {"tab": "", "q": "", "kind": "", "sort": "", "view": "", "fits": False, "day": None}


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        ("", {}),
        ("q=+a+b+&fits=1&sort=name", {"q": "a b", "fits": True, "sort": "name"}),
        ("sort=nonsense&view=%00&day=2026-02-30", {}),
        ("day=2026-02-28", {"day": date(2026, 2, 28)}),
        ("day=9999-12-31", {}),
        ("day=0001-01-01&q=x", {"q": "x"}),
        ("kind=gone", {"kind": "gone"}),
        ("q=" + "x" * 5000, {"q": "x" * 200}),
        ("q=%00a", {}),
        ("page=3&unknown=1", {}),
    ],
)
def test_nonsense_counts_as_not_given(query: str, chosen: dict[str, object]) -> None:
    form = Shelf.of(QueryDict(query))
    assert form.chosen == NOTHING | chosen
    assert "aria-invalid" not in "".join(str(field) for field in form)


@pytest.mark.parametrize(
    ("query", "narrows"),
    [("", False), ("tab=x&sort=name&view=list", False), ("q=a", True), ("fits=1", True), ("day=2026-02-28", True)],
)
def test_a_tab_an_order_and_a_view_do_not_narrow(query: str, narrows: bool) -> None:
    assert Shelf.of(QueryDict(query)).narrows is narrows


def test_what_is_offered_later_is_chosen_when_the_address_says_so() -> None:
    form = Shelf.of(QueryDict("kind=b"))
    form.offer("kind", ["a", "b"])
    assert '<option value="b" selected>' in str(form["kind"])
    assert 'value="b"' not in str(Shelf.of(QueryDict("kind=b"))["kind"])


def test_controls_have_ids_of_their_own() -> None:
    form = Shelf.of(QueryDict())
    assert (form.id, form["q"].auto_id) == ("shelf-filters", "shelf-q")
    assert [field.name for field in form.others] == ["kind", "sort", "view", "fits", "day"]
