"""Messages come up beside the bar of a selection, never over it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Offers, Visit

SENTENCE = "The fourth message that has come up while several were selected, and it is a long one."
SAY = """sentence => document.querySelector("#toasts").insertAdjacentHTML("beforeend",
    `<div class="toast warning" data-toast><p>${sentence}</p></div>`)"""


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844), (390, 568)])
def test_no_message_covers_the_bar_of_a_selection(visit: Visit, offers: Offers, width: int, height: int) -> None:
    offers.add("COVERED", "Covered by messages", "loras/covered.safetensors")
    page = visit("/models/?q=covered", width=width, height=height)
    page.get_by_label("Select Covered by messages").check()
    bar = page.locator("#selection")
    expect(bar).to_be_visible()
    for _ in range(4):
        page.evaluate(SAY, SENTENCE)
    for button in bar.get_by_role("button").all():
        button.click(trial=True, timeout=5000)  # fails when something lies over it
