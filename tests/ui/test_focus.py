"""By keyboard: the focus stays where one works, whatever is fetched anew below it, and never falls to the body."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.fakehub import FakeHub
from tests.ui.conftest import Offers, Visit

NUMBERS = count()


def press(button: Locator) -> None:
    """Enter on it, and wait until the pieces of the page have been fetched anew."""
    page = button.page
    button.focus()
    with page.expect_response(lambda answer: answer.request.headers.get("hx-target") == "queue-button"):
        page.keyboard.press("Enter")


@pytest.fixture
def queue(visit: Visit, offers: Offers, hub: FakeHub) -> Iterator[Page]:
    """Downloads, with one install that runs and two that wait; empty again afterwards."""
    number = next(NUMBERS)  # files of its own: what an earlier test has fetched of one is continued
    gate = hub.gate(f"loras/focus_one_{number}.safetensors", at_byte=100_000)
    for name in ("Focus One", "Focus Two", "Focus Three"):
        preset_id = f"{name}_{number}".upper().replace(" ", "_")
        offers.add(preset_id, name, f"loras/{preset_id.lower()}.safetensors")
        page = visit(f"/models/{preset_id}/")
        with page.expect_response(lambda response: response.request.method == "POST"):
            page.get_by_role("button", name="Install").click()
    assert gate.reached.wait(30)
    page = visit("/downloads/")
    yield page
    page.goto("/downloads/")
    for name in ("Focus Three", "Focus Two", "Focus One"):
        cancel = page.get_by_role("button", name=f"Cancel {name}")
        if cancel.count():
            cancel.first.click()
            expect(page.get_by_role("button", name=f"Cancel {name}")).to_have_count(0)
    gate.open()


def test_pause_leaves_the_focus_on_resume(queue: Page) -> None:
    press(queue.get_by_role("button", name="Pause Focus One").first)
    expect(queue.get_by_role("button", name="Resume Focus One").first).to_be_focused()


def test_a_row_that_is_cancelled_leaves_the_focus_at_the_head_of_its_list(queue: Page) -> None:
    press(queue.get_by_role("button", name="Cancel Focus Two"))
    expect(queue.get_by_role("button", name="Cancel Focus Two")).to_have_count(0)
    expect(queue.get_by_role("heading", name="Queue")).to_be_focused()


def test_a_row_that_goes_to_the_top_keeps_the_focus(queue: Page) -> None:
    press(queue.get_by_role("button", name="Move Focus Three to the top"))
    expect(queue.locator(".queue-row strong")).to_have_text(["Focus Three", "Focus Two"])
    focused = queue.evaluate(
        "document.activeElement.closest('.queue-row')?.textContent || document.activeElement.tagName"
    )
    assert "Focus Three" in focused


def test_a_menu_that_led_to_a_dialog_has_the_focus_after_it(queue: Page) -> None:
    menu = queue.locator("summary[aria-label='More for Focus One']")
    menu.press("Enter")
    queue.keyboard.press("Tab")
    queue.keyboard.press("Enter")
    expect(queue.get_by_role("dialog")).to_be_visible()
    queue.keyboard.press("Escape")
    expect(menu).to_be_focused()


def test_a_message_that_is_closed_gives_the_focus_back(queue: Page) -> None:
    press(queue.get_by_role("button", name="Pause Focus One").first)
    resume = queue.get_by_role("button", name="Resume Focus One").first
    expect(resume).to_be_focused()
    queue.get_by_role("button", name="Close this message").last.press("Enter")
    expect(resume).to_be_focused()


def test_install_leaves_the_focus_on_its_card(visit: Visit, offers: Offers, hub: FakeHub) -> None:
    offers.add("FOCUSCARD", "Focus on a card", "loras/focuscard.safetensors")
    page = visit("/models/?q=focus+on+a+card")
    page.get_by_role("button", name="Install").press("Enter")
    card = page.locator("#card-FOCUSCARD")
    expect(card.locator(".badge")).to_have_text("Installed")
    expect(card.locator(":focus")).to_have_count(1)


def test_a_click_beside_everything_leaves_the_focus_there(queue: Page) -> None:
    cancel = queue.get_by_role("button", name="Cancel Focus Two")
    cancel.focus()
    queue.get_by_role("heading", level=1).click()
    with queue.expect_response(lambda answer: answer.request.headers.get("hx-target") == "active"):
        visitor = queue.context.new_page()
        visitor.goto("/downloads/")
        visitor.get_by_role("button", name="Cancel Focus Three").click()
    expect(queue.get_by_role("button", name="Cancel Focus Three")).to_have_count(0)
    expect(queue.get_by_role("main")).to_be_focused()
