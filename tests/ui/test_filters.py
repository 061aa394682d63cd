"""Filters, tabs, order and view: whatever is chosen next, what was chosen before is kept."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.comfydash.serving import Serve
from tests.ui.conftest import Offers, Visit


def choose_tab(page: Page, name: str) -> None:
    page.locator(".tabs").get_by_role("link", name=re.compile(f"^{name} ")).click()
    expect_tab(page, name)


def expect_tab(page: Page, name: str) -> None:
    expect(page.locator(".tabs [aria-current]")).to_have_text(re.compile(rf"^\s*{name}\s"))


def expect_address(page: Page, **chosen: str) -> None:
    expect(page).to_have_url(re.compile("".join(f"(?=.*[?&]{name}={value}(&|$))" for name, value in chosen.items())))


@pytest.mark.parametrize(
    ("address", "tab", "chosen"),
    [
        ("/models/", "Video", {"type": "video"}),
        ("/workflows/", "Missing models", {"verdict": "missing"}),
        ("/storage/", "Not needed", {"show": "unneeded"}),
    ],
)
def test_the_next_search_and_the_next_order_keep_the_tab(
    visit: Visit, address: str, tab: str, chosen: dict[str, str]
) -> None:
    page = visit(address)
    choose_tab(page, tab)
    page.locator("[data-search]").fill("a")
    expect_address(page, q="a", **chosen)
    expect_tab(page, tab)
    page.get_by_label("Order").select_option("name")
    expect_address(page, q="a", sort="name", **chosen)
    expect_tab(page, tab)


def test_a_tab_keeps_search_order_and_view(visit: Visit) -> None:
    page = visit("/models/?sort=size&view=list")
    page.locator("[data-search]").fill("wan")
    expect_address(page, q="wan")
    choose_tab(page, "Video")
    expect_address(page, q="wan", sort="size", view="list", type="video")
    expect(page.locator(".listing-list")).to_be_visible()


def test_a_tab_pressed_while_a_search_is_under_way_has_both(visit: Visit) -> None:
    page = visit("/models/")
    page.expected += ["htmx:sendAbort", "htmx:afterRequest"]  # type: ignore[attr-defined]
    held: list[Route] = []
    page.route("**/models/?q=wan", lambda route: held.append(route))
    with page.expect_request("**/models/?q=wan"):
        page.locator("[data-search]").fill("wan")
    choose_tab(page, "Video")
    expect_address(page, q="wan", type="video")


@pytest.mark.parametrize(
    ("address", "tab", "name", "value"),
    [("/models/", "Video", "type", "video"), ("/storage/", "Not needed", "show", "unneeded")],
)
def test_a_word_typed_while_a_tab_is_under_way_has_both(
    visit: Visit, address: str, tab: str, name: str, value: str
) -> None:
    page = visit(address)
    held: list[Route] = []
    page.route(f"**{address}?{name}={value}", lambda route: held.append(route))
    with page.expect_request(f"**{address}?{name}={value}"):
        page.locator(".tabs").get_by_role("link", name=tab).click()
    search = page.locator("[data-search]")
    search.fill("wan")
    search.evaluate("field => htmx.trigger(field.form, 'submit')")  # the pause after a letter is over
    held[0].continue_()
    expect_address(page, q="wan", **{name: value})
    expect_tab(page, tab)
    expect(search).to_have_value("wan")


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("/models/?type=video&sort=name&view=list", {"type": "video", "sort": "name", "view": "list"}),
        ("/storage/?show=unneeded&sort=name", {"show": "unneeded", "sort": "name"}),
    ],
)
def test_clearing_the_filters_keeps_tab_order_and_view(visit: Visit, address: str, kept: dict[str, str]) -> None:
    page = visit(address)
    page.locator("[data-search]").fill("a")
    expect_address(page, q="a", **kept)
    page.get_by_role("link", name="Clear the filters").click()
    expect(page.locator("[data-search]")).to_have_value("")
    expect_address(page, **kept)
    assert "q=" not in page.url


def test_a_search_of_the_history_keeps_the_pages_of_the_lists_above(visit: Visit) -> None:
    page = visit("/downloads/?queued=2&paused=3")
    page.locator("[data-search]").fill("first")
    expect_address(page, q="first", queued="2", paused="3")


def test_without_the_script_the_form_keeps_the_tab(chromium: Browser, server: Serve, session, offers: Offers) -> None:
    context = chromium.new_context(base_url=server.url, storage_state=session, java_script_enabled=False)
    page = context.new_page()
    page.goto("/models/?sort=name")
    choose_tab(page, "Video")
    page.locator("[data-search]").fill("wan")
    page.get_by_role("button", name="Show").click()
    expect_address(page, q="wan", sort="name", type="video")
    expect_tab(page, "Video")
    context.close()
