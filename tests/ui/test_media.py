"""On paper and in the system's own colours: what is to be read is readable, states and the focus are told apart."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Visit

STYLE = "(element, name) => getComputedStyle(element)[name]"


@pytest.mark.parametrize("path", ["/downloads/", "/models/", "/storage/", "/settings/"])
def test_paper_shows_dark_words_and_nothing_to_press(visit: Visit, path: str) -> None:
    page = visit(path)
    page.emulate_media(media="print")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_be_visible()
    expect(heading).to_have_css("color", "rgb(0, 0, 0)")
    expect(page.locator("main :is(button, a.button, input:not([type=hidden]), select):visible")).to_have_count(0)
    expect(page.locator(".topbar")).to_be_hidden()


def test_forced_colours_show_the_page_one_is_on_and_what_is_selected(visit: Visit) -> None:
    page = visit("/models/")
    page.emulate_media(forced_colors="active")
    here = page.locator(".nav a[aria-current]").evaluate(STYLE, "borderBottomColor")
    other = page.locator(".nav a:not([aria-current])").first.evaluate(STYLE, "borderBottomColor")
    assert here != other
    page.locator("#listing input[type=checkbox]").first.check()
    expect(page.locator("#listing article").first).to_have_css("outline-width", "3px")
    expect(page.locator("#listing .badge").first).to_have_css("border-style", "solid")
    button = page.locator("#listing .button").first
    button.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(button).to_have_css("outline-style", re.compile("solid"))
