"""Back from a page to a long list: as many cards as before, the same place, the same link in focus."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import Offers, Visit


@pytest.fixture
def many_models(offers: Offers) -> None:
    offers.add("BACK", "Back to the list", "loras/back.safetensors")
    for number in range(60):
        offers.presets[f"BACK{number}"] = offers.presets["BACK"] | {"name": f"Back to the list {number:02}"}
    offers.add("BACKLAST", "Back to the last", "loras/backlast.safetensors")


def scroll_until(page: Page, number: int) -> None:
    cards = page.locator("#listing article")
    while (shown := cards.count()) <= number:
        page.locator("#more").scroll_into_view_if_needed()
        expect(cards.nth(shown)).to_be_attached()


def place(page: Page) -> dict[str, Any]:
    return dict(
        page.evaluate(
            """() => ({
                scroll: scrollY,
                cards: document.querySelectorAll("#listing article").length,
                focus: document.activeElement.textContent.trim(),
            })"""
        )
    )


@pytest.mark.parametrize("path", ["/workflows/", "/models/?q=back"])
def test_back_returns_to_the_same_cards_and_the_same_link(visit: Visit, many_models: None, path: str) -> None:
    page = visit(path)
    scroll_until(page, 50)
    link = page.locator("#listing article").nth(50).locator(":is(h2, h3) a")
    link.focus()
    before = place(page)
    assert before["cards"] > 48
    link.press("Enter")
    expect(page.locator("#listing")).to_have_count(0)
    page.go_back()
    expect(link).to_be_focused()
    assert place(page) == before


def test_back_over_a_tab_returns_to_the_list_before_it(visit: Visit) -> None:
    page = visit("/workflows/")
    scroll_until(page, 50)
    shown = place(page)["cards"]
    page.locator("#listing .tabs a").nth(2).click()
    expect(page).to_have_url(re.compile("verdict="))
    page.go_back()
    expect(page.locator("#listing article")).to_have_count(shown)
    page.go_forward()
    expect(page).to_have_url(re.compile("verdict="))
    expect(page.locator("#listing article").first).to_be_visible()
    assert place(page)["cards"] < shown


def test_a_link_to_the_list_begins_at_its_top(visit: Visit) -> None:
    page = visit("/workflows/")
    scroll_until(page, 50)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Home").click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Workflows").click()
    expect(page.locator("#listing article").first).to_be_visible()
    assert place(page)["cards"] <= 48
    assert place(page)["scroll"] == 0
