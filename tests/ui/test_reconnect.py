"""The page's socket when it does not go well: turned away, never answered, logged out, the tab in the background."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from playwright.sync_api import Page, WebSocketRoute, expect

from tests.ui.conftest import Visit

TRY_LATER, UNAUTHORIZED = 1013, 4401
SOCKET = re.compile("/ws/dashboard")
# A socket that never opens: a proxy that swallows the handshake, a link that is dead. The third one is real.
NEVER_OPEN = """
    const Real = window.WebSocket;
    window.opened = window.given_up = 0;
    window.WebSocket = function (address) {
        window.opened += 1;
        if (window.opened > (window.stuck ?? 2)) document.body.dataset.silence = '60'; // the real one may be slow
        return window.opened > (window.stuck ?? 2) ? new Real(address)
            : { readyState: 0, close() { window.given_up += 1; } };
    };
    window.WebSocket.OPEN = 1;
"""
COVERED = "Object.defineProperty(document, 'hidden', { get: () => Boolean(window.covered) });"


class Door:
    """Stands in the socket's way: turns away with a code while it has one, and counts who knocked."""

    def __init__(self) -> None:
        self.code = 0
        self.knocked = 0
        self.inside: list[WebSocketRoute] = []

    def connect(self, socket: WebSocketRoute) -> None:
        self.knocked += 1
        if self.code:
            socket.close(code=self.code)
        else:
            socket.connect_to_server()
            self.inside.append(socket)

    def guard(self, page: Page) -> None:
        page.route_web_socket(SOCKET, self.connect)

    def guard_with_a_clock(self, page: Page) -> None:
        page.clock.install()
        self.guard(page)


def never_opening(script: str = "") -> Callable[[Page], None]:
    """With a clock of its own, which has to be there before the page's script."""

    def prepare(page: Page) -> None:
        page.clock.install()
        page.add_init_script(f"window.stuck = 99; {NEVER_OPEN} {script}")

    return prepare


def tell(socket: WebSocketRoute, **message: object) -> None:
    socket.send(json.dumps(message))


def test_a_page_that_is_told_to_come_back_later_does_and_hears_again(visit: Visit) -> None:
    door = Door()
    page = visit("/models/", before=door.guard)
    banner = page.locator("#connection")
    expect(page.locator("#queue-button")).to_be_visible()
    page.expected.append("closed before the connection is established")  # type: ignore[attr-defined]  # behind the door
    door.code = TRY_LATER
    door.inside[-1].close(code=TRY_LATER)
    expect(banner).to_contain_text(re.compile(r"No live connection\. What you see is .* old\. Trying again"))
    expect(page.locator("body")).to_have_class(re.compile(r"\bstale\b"))
    assert door.knocked >= 2

    with page.expect_request(lambda request: request.headers.get("hx-target") == "listing"):
        door.code = 0  # whatever happened meanwhile is fetched

    expect(banner).to_be_hidden()
    expect(page.locator("body")).not_to_have_class(re.compile(r"\bstale\b"))
    tell(door.inside[-1], type="presets_refreshed", total_presets=1, version="told after it came back")
    expect(page.locator("#toasts")).to_contain_text("told after it came back")


def test_a_page_whose_login_has_ended_says_so_and_knocks_no_more(visit: Visit) -> None:
    door = Door()
    page = visit("/downloads/", before=door.guard_with_a_clock)
    expect(page.locator("#queue-button")).to_be_visible()
    page.expected.append("closed before the connection is established")  # type: ignore[attr-defined]  # behind the door
    door.code = UNAUTHORIZED
    door.inside[-1].close(code=UNAUTHORIZED)
    banner = page.locator("#connection")
    expect(banner).to_contain_text("You have been logged out.")
    expect(banner.get_by_role("link", name="Log in again")).to_have_attribute("href", "/downloads/")
    expect(page.locator("body")).to_have_class(re.compile(r"\bstale\b"))
    page.clock.run_for(120_000)
    expect(banner).to_contain_text("You have been logged out.")
    assert door.knocked == 1


def test_a_socket_that_never_opens_is_given_up_for_a_fresh_one(visit: Visit) -> None:
    page = visit("/downloads/", before=lambda page: page.add_init_script(NEVER_OPEN))
    page.expected.append("WebSocket")  # type: ignore[attr-defined]  # cut short when the window closes
    page.evaluate("document.body.dataset.silence = '2'")
    banner = page.locator("#connection")
    expect(banner).to_contain_text("No live connection.")
    expect(page.locator("body")).to_have_class(re.compile(r"\bstale\b"))
    expect(banner).to_be_hidden()
    assert page.evaluate("[window.opened, window.given_up]") == [3, 2]


def test_a_tab_in_the_background_is_not_alarmed_and_looks_when_it_is_seen_again(visit: Visit) -> None:
    page = visit("/downloads/", before=never_opening(COVERED))
    banner = page.locator("#connection")
    page.evaluate("window.covered = true")
    page.clock.run_for(300_000)
    expect(banner).to_be_hidden()
    assert page.evaluate("window.opened") == 1
    page.evaluate("window.covered = false; document.dispatchEvent(new Event('visibilitychange'))")
    page.clock.run_for(15_000)
    expect(banner).to_be_hidden()
    page.clock.run_for(10_000)
    expect(banner).to_contain_text("No live connection.")


def test_a_clock_that_is_set_back_does_not_keep_a_page_waiting(visit: Visit) -> None:
    page = visit("/downloads/", before=never_opening())
    page.clock.run_for(2_000)
    page.evaluate("{ const now = Date.now.bind(Date); Date.now = () => now() - 3_600_000; }")
    page.clock.run_for(40_000)
    expect(page.locator("#connection")).to_contain_text(re.compile(r"No live connection\. What you see is \d+ s old"))


def test_a_laptop_that_slept_is_given_the_time_to_hear_again(visit: Visit) -> None:
    door = Door()
    page = visit("/models/", before=door.guard_with_a_clock)
    expect(page.locator("#queue-button")).to_be_visible()
    page.clock.fast_forward(3_600_000)
    page.clock.run_for(3_000)
    expect(page.locator("#connection")).to_be_hidden()
    tell(door.inside[-1], type="presets_refreshed", total_presets=1, version="told after the nap")
    expect(page.locator("#toasts")).to_contain_text("told after the nap")
    assert door.knocked == 1
