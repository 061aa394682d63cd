"""A page that stays open: it keeps what the person has in hand, and does not grow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.fakehub import FakeHub
from tests.ui.conftest import Offers, Visit

EVENTS = 4000


def test_details_that_are_read_stay_open_when_something_happens(visit: Visit, offers: Offers) -> None:
    offers.add("READING", "While one reads", "loras/reading.safetensors", size=20_000)
    page = visit("/models/READING/")
    page.get_by_role("button", name="Install").click()
    expect(page.locator("#preset .badge").first).to_have_text("Installed")
    page.goto("/activity/?type=download")
    newest = page.locator("details > summary").first
    newest.click()
    read_id = newest.get_attribute("id")
    assert read_id
    read = page.locator(f"#{read_id}")

    other = visit("/models/READING/reinstall/")
    other.get_by_role("button", name="Fetch").click()

    expect(newest).not_to_have_id(read_id)
    expect(read.locator("xpath=..")).to_have_attribute("open", "")
    expect(read).to_be_focused()


def test_a_tab_pressed_while_things_happen_is_what_one_gets(visit: Visit, offers: Offers) -> None:
    held: list[Route] = []
    sockets: list[WebSocketRoute] = []

    def connect(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page = visit("/models/", before=lambda page: page.route_web_socket(re.compile("/ws/dashboard"), connect))
    page.route("**/models/?type=video", lambda route: held.append(route))
    with page.expect_request("**/models/?type=video"):
        page.locator("#listing .tabs").get_by_role("link", name="Video").click()
    with page.expect_response("**/downloads/queue/"):  # fetched in the same go as the listing would be
        sockets[-1].send(json.dumps({"type": "presets_refreshed", "total_presets": 1, "version": "2"}))
        sockets[-1].send(json.dumps({"type": "download_failed", "preset_id": "X", "download_id": 0}))
    held[0].continue_()
    expect(page.locator("#listing .tabs [aria-current]")).to_contain_text("Video")
    expect(page).to_have_url(re.compile("type=video"))


def test_news_while_a_piece_is_being_fetched_is_not_lost(visit: Visit, offers: Offers) -> None:
    held: list[Route] = []
    sockets: list[WebSocketRoute] = []

    def connect(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page = visit("/storage/", before=lambda page: page.route_web_socket(re.compile("/ws/dashboard"), connect))
    expect(page.locator("#queue-button")).to_be_visible()
    news = json.dumps({"type": "download_failed", "preset_id": "X", "download_id": 0})
    holding = True
    page.route("**/storage/", lambda route: held.append(route) if holding else route.continue_())
    for _ in range(2):
        with page.expect_response("**/downloads/queue/"):  # asked for in the same go as the pieces that are held
            sockets[-1].send(news)
    with page.expect_request(lambda request: request.headers.get("hx-target") == "files"):
        holding = False
        for route in held:
            route.continue_()


def test_news_of_one_model_fetch_its_card_and_not_the_shelf(visit: Visit, offers: Offers) -> None:
    fetched: list[str] = []
    sockets: list[WebSocketRoute] = []

    def connect(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page = visit("/models/?q=first", before=lambda page: page.route_web_socket(re.compile("/ws/dashboard"), connect))
    expect(page.locator("#card-FIRST")).to_be_visible()
    page.on("request", lambda request: fetched.append(request.headers.get("hx-target", "")))
    with page.expect_response("**/models/FIRST/"):
        sockets[-1].send(json.dumps({"type": "download_failed", "preset_id": "FIRST", "download_id": 0}))
    assert "card-FIRST" in fetched
    assert "listing" not in fetched


def test_clearing_the_filters_is_undone_by_going_back(visit: Visit, offers: Offers) -> None:
    page = visit("/models/?q=first&fits=1")
    expect(page.get_by_label("Search")).to_have_value("first")
    page.get_by_role("link", name="Clear the filters", exact=True).click()
    expect(page.get_by_label("Search")).to_have_value("")
    page.go_back()
    expect(page.get_by_label("Search")).to_have_value("first")
    expect(page.get_by_label("Fits on my disk")).to_be_checked()
    expect(page).to_have_url(re.compile(r"q=first"))


def test_a_link_into_a_page_is_not_covered_by_the_bar(visit: Visit) -> None:
    page = visit("/settings/#access")
    bar = page.locator(".topbar").bounding_box()
    heading = page.get_by_role("heading", name="Access").bounding_box()
    assert bar and heading
    assert bar["y"] == 0  # it stays, however far down
    assert heading["y"] >= bar["height"]


def test_thousands_of_events_leave_the_page_as_small_as_it_was(visit: Visit, offers: Offers, hub: FakeHub) -> None:
    offers.add("BURST", "Under a burst", "loras/burst.safetensors", size=900_000)
    gate = hub.gate("loras/burst.safetensors", at_byte=400_000)
    sockets: list[WebSocketRoute] = []

    def connect(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda message: None if "download_progress" in str(message) else socket.send(message))
        sockets.append(socket)

    page = visit("/models/BURST/", before=lambda page: page.route_web_socket(re.compile("/ws/dashboard"), connect))
    page.get_by_role("button", name="Install").click()
    assert gate.reached.wait(30)
    page.goto("/downloads/")
    number = int(page.locator("#active .panel-body[data-download]").get_attribute("data-download") or "")
    before = nodes(page)

    for message in burst(number):
        sockets[-1].send(json.dumps(message))

    sockets[-1].send(json.dumps({"type": "presets_refreshed", "total_presets": 1, "version": "after the burst"}))
    expect(page.locator("#toasts")).to_contain_text("version after the burst")
    page.wait_for_load_state("networkidle")
    assert page.locator("[data-toast]").count() <= 5
    assert nodes(page) < before + 200
    gate.open()
    expect(page.get_by_role("row", name="Under a burst")).to_contain_text("Completed")


def burst(number: int) -> Iterator[dict[str, object]]:
    """An hour of a busy machine at once: progress of one install, and the ends of many others."""
    for step in range(EVENTS):
        yield {
            "type": "download_progress",
            "preset_id": "BURST",
            "download_id": number,
            "file": "loras/burst.safetensors",
            "status": "downloading",
            "progress": 99 * (step + 1) / EVENTS,
            "downloaded": 800_000,
            "total": 900_000,
            "speed": 1000,
            "files_completed": 0,
            "files_total": 1,
        }
        if step % 40 == 0:
            end = {"preset_id": f"OTHER-{step}", "download_id": 10**6 + step, "file": "", "retry_count": 0}
            yield {"type": "download_failed", "reason": "network", "error": "Gone.", **end}
            yield {"type": "activity", "id": step, "status": "failed", "title": "Other"}


def nodes(page: Page) -> int:
    return int(page.evaluate("document.querySelectorAll('*').length"))


def test_a_shelf_that_was_scrolled_stays_as_long_as_it_is(visit: Visit) -> None:
    sockets: list[WebSocketRoute] = []

    def connect(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page = visit("/workflows/", before=lambda page: page.route_web_socket(re.compile("/ws/dashboard"), connect))
    cards = page.locator("#listing article")
    page.locator("#more").scroll_into_view_if_needed()
    expect(cards.nth(47)).to_be_attached()
    place = page.evaluate("scrollY")
    shown = cards.count()
    page.locator("#listing").evaluate("listing => { listing.dataset.before = 'yes'; }")
    with page.expect_response("**/workflows/"):
        sockets[-1].send(json.dumps({"type": "download_failed", "preset_id": "X", "download_id": 0}))
    expect(page.locator("#listing")).not_to_have_attribute("data-before", "yes")
    assert cards.count() >= shown
    assert page.evaluate("scrollY") == place > 0
