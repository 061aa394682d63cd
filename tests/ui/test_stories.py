"""Stories as a person would tell them."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from playwright.sync_api import Page, WebSocketRoute, expect

from tests.comfydash.serving import Serve
from tests.fakehub import FakeHub
from tests.ui.conftest import PASSWORD, Offers, Visit

MB = 10**6


def card(page: Page, name: str):
    return page.get_by_role("article", name=name, exact=True)


def state(page: Page, name: str):
    return card(page, name).locator(".badge")


def test_install_from_the_search_to_the_file(visit: Visit, offers: Offers, hub: FakeHub, workspace: Path) -> None:
    offers.add(
        "SUNRISE", "Sunrise XL", "checkpoints/sunrise-xl.safetensors", "vae/sunrise-vae.safetensors", size=3 * MB
    )
    gate = hub.gate("checkpoints/sunrise-xl.safetensors", at_byte=1_500_000)
    page = visit("/models/")
    page.keyboard.press("/")
    page.keyboard.type("sunrise-vae")  # by the name of a file
    expect(page.get_by_role("article")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"q=sunrise-vae"))
    card(page, "Sunrise XL").get_by_role("button", name="Install").click()
    expect(page.get_by_text("Sunrise XL is queued.")).to_be_visible()
    expect(state(page, "Sunrise XL")).to_have_text("Downloading")
    assert gate.reached.wait(30)
    expect(page).to_have_title(re.compile(r"^\d+ % Sunrise XL · Models"))
    expect(page.locator("#queue-button")).to_contain_text(re.compile(r"Queue \(\d+\)"))
    gate.open()
    expect(state(page, "Sunrise XL")).to_have_text("Installed")
    expect(card(page, "Sunrise XL").get_by_role("link", name="Generate")).to_be_visible()
    expect(page).to_have_title("Models · ComfyDash")
    files = {path.name: path.stat().st_size for path in (workspace / "models").rglob("sunrise*")}
    assert files == {"sunrise-xl.safetensors": 3 * MB, "sunrise-vae.safetensors": 3 * MB}
    page.reload()
    expect(state(page, "Sunrise XL")).to_have_text("Installed")
    page.goto("/downloads/")
    expect(page.get_by_role("row", name="Sunrise XL")).to_contain_text("Completed")


def test_a_token_is_asked_for_tested_and_starts_what_waited(visit: Visit, offers: Offers, hub: FakeHub) -> None:
    offers.add("GATED", "Behind a gate", "checkpoints/gated.safetensors", repo="org/gated", gated=True)
    page = visit("/models/?q=gate")
    card(page, "Behind a gate").get_by_role("button", name="Install").click()
    expect(state(page, "Behind a gate")).to_have_text("Waiting")
    if not page.get_by_role("dialog").count():  # opened by itself where the Hub is known to ask
        card(page, "Behind a gate").get_by_role("link", name="Add token").click()
    dialog = page.get_by_role("dialog", name="Hugging Face token")
    expect(dialog.get_by_label("Token")).to_be_focused()
    dialog.get_by_label("Token").fill("hf_wrongwrongwrong")
    dialog.get_by_role("button", name="Test").click()
    expect(dialog.get_by_text("does not know this token")).to_be_visible()
    dialog.get_by_label("Token").fill("hf_goodgoodgood")
    dialog.get_by_role("button", name="Test").click()
    expect(dialog.get_by_text("ada, with a read token")).to_be_visible()
    expect(state(page, "Behind a gate")).to_have_text("Waiting")  # a test stores nothing
    dialog.get_by_role("button", name="Save & Download").click()
    expect(dialog).to_be_hidden()
    expect(state(page, "Behind a gate")).to_have_text("Installed")
    page.goto("/settings/")
    assert "hf_goodgoodgood" not in page.content()
    page.goto("/activity/")
    assert "hf_goodgoodgood" not in page.content()


def test_pause_on_the_phone_and_resume_on_the_desktop(visit: Visit, offers: Offers, hub: FakeHub) -> None:
    offers.add("TWOSCREENS", "Two screens", "checkpoints/two.safetensors", size=4 * MB)
    gate = hub.gate("checkpoints/two.safetensors", at_byte=2 * MB)
    desktop = visit("/models/?q=two+screens")
    phone = visit("/downloads/", width=390, height=844, has_touch=True)
    card(desktop, "Two screens").get_by_role("button", name="Install").click()
    assert gate.reached.wait(30)
    phone.get_by_role("button", name="Pause Two screens").first.click()
    expect(state(desktop, "Two screens")).to_have_text("Paused")
    gate.open()
    card(desktop, "Two screens").get_by_role("button", name="Resume").click()
    expect(state(desktop, "Two screens")).to_have_text("Installed")
    expect(phone.get_by_role("row", name="Two screens")).to_contain_text("Completed")


def test_a_killed_worker_is_told_and_retry_continues(visit: Visit, offers: Offers, hub: FakeHub, server: Serve) -> None:
    offers.add("KILLED", "Killed halfway", "checkpoints/killed.safetensors", size=6 * MB)
    gate = hub.gate("checkpoints/killed.safetensors", at_byte=4 * MB)
    page = visit("/downloads/")
    visit("/models/KILLED/").get_by_role("button", name="Install").click()
    assert gate.reached.wait(30)
    expect(page.locator("[data-field=percent]").first).not_to_have_text("0 %")
    os.kill(server.child("worker"), signal.SIGKILL)
    row = page.get_by_role("row", name="Killed halfway")
    expect(row).to_contain_text("Failed", timeout=20_000)
    expect(row).to_contain_text("Retry continues")
    gate.open()
    row.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("row", name="Killed halfway").first).to_contain_text("Completed", timeout=20_000)


def test_order_is_changed_by_keyboard_and_by_dragging(visit: Visit, offers: Offers, hub: FakeHub) -> None:
    offers.add("HOLDER", "Holds the line", "checkpoints/holder.safetensors")
    gate = hub.gate("checkpoints/holder.safetensors", at_byte=100_000)
    for name in ("Alpha", "Beta", "Gamma"):
        offers.add(name.upper(), name, f"loras/{name.lower()}.safetensors")
    for preset_id in ("HOLDER", "ALPHA", "BETA", "GAMMA"):
        page = visit(f"/models/{preset_id}/")
        with page.expect_response(lambda response: response.request.method == "POST"):
            page.get_by_role("button", name="Install").click()
    assert gate.reached.wait(30)
    page = visit("/downloads/")
    names = page.locator(".queue-row strong")
    expect(names).to_have_text(["Alpha", "Beta", "Gamma"])
    page.get_by_role("button", name="Move Gamma up").focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(names).to_have_text(["Alpha", "Gamma", "Beta"])
    expect(page.get_by_role("button", name="Move Gamma up")).to_be_focused()
    rows = page.locator(".queue-row")
    with page.expect_response(lambda response: response.request.method == "POST"):
        rows.nth(2).drag_to(rows.nth(0), target_position={"x": 40, "y": 4})
    expect(names).to_have_text(["Beta", "Alpha", "Gamma"])
    page.reload()
    expect(names).to_have_text(["Beta", "Alpha", "Gamma"])
    for name in ("Alpha", "Beta", "Gamma"):
        page.get_by_role("button", name=f"Cancel {name}").click()
    expect(names).to_have_count(0)
    gate.open()


def test_a_cancel_can_be_undone(visit: Visit, offers: Offers, hub: FakeHub) -> None:
    offers.add("UNDONE", "Changed my mind", "checkpoints/undone.safetensors", size=2 * MB)
    gate = hub.gate("checkpoints/undone.safetensors", at_byte=MB)
    page = visit("/models/UNDONE/")
    page.get_by_role("button", name="Install").click()
    assert gate.reached.wait(30)
    page.locator("#queue-button").click()
    panel = page.get_by_role("dialog", name="Queue")
    panel.get_by_role("button", name="Cancel Changed my mind").click()
    expect(panel.get_by_text("Changed my mind", exact=True)).to_have_count(0)
    gate.open()
    page.keyboard.press("Escape")
    expect(page.locator("#queue-button")).to_be_focused()
    page.get_by_role("button", name="Undo").last.click()
    expect(page.locator("#preset .badge").first).to_have_text("Installed")


def test_with_the_keyboard_only_from_login_to_installed(visit: Visit, offers: Offers) -> None:
    offers.add("KEYS", "Keys only", "checkpoints/keys.safetensors")
    page = visit("/", login=False)
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("m")
    page.wait_for_url("**/models/")
    page.keyboard.press("/")
    page.keyboard.type("keys only")
    expect(page.get_by_role("article")).to_have_count(1)
    button = card(page, "Keys only").get_by_role("button", name="Install")
    for _ in range(40):
        page.keyboard.press("Tab")
        if button.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(state(page, "Keys only")).to_have_text("Installed")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()


def test_without_javascript_everything_is_read_and_done_by_forms(visit: Visit, offers: Offers, hub: FakeHub) -> None:
    offers.add("PLAIN", "Plain forms", "checkpoints/plain.safetensors")
    gate = hub.gate("checkpoints/plain.safetensors", at_byte=100_000)
    page = visit("/models/", java_script_enabled=False)
    page.get_by_label("Search").fill("plain forms")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article")).to_have_count(1)
    card(page, "Plain forms").get_by_role("button", name="Install").click()
    expect(page.get_by_text("Plain forms is queued.")).to_be_visible()
    assert gate.reached.wait(30)
    page.goto("/downloads/")
    page.get_by_role("button", name="Pause Plain forms").click()
    expect(page.get_by_role("button", name="Resume Plain forms")).to_be_visible()
    page.get_by_role("link", name=re.compile(r"Queue \(\d")).click()
    expect(page.get_by_role("heading", name="Queue", exact=True)).to_be_visible()
    page.get_by_role("button", name="Cancel Plain forms").click()
    page.goto("/downloads/?status=cancelled")
    expect(page.get_by_role("row", name="Plain forms")).to_contain_text("Cancelled")
    gate.open()
    page.get_by_role("row", name="Plain forms").get_by_role("button", name="Retry").click()
    page.goto("/downloads/token/")
    expect(page.get_by_label("Token")).to_be_visible()


def test_several_are_installed_and_uninstalled_at_once(visit: Visit, offers: Offers, workspace: Path) -> None:
    offers.add(
        "BUNDLEA", "Bundle one", "loras/bundle-a.safetensors", "vae/bundle-shared.safetensors", repo="org/bundle"
    )
    shared = offers.presets["BUNDLEA"]["files"][1:]
    offers.add("BUNDLEB", "Bundle two", "loras/bundle-b.safetensors", repo="org/bundle", shared=shared)
    page = visit("/models/?q=bundle")
    page.get_by_label("Select Bundle one").check()
    page.get_by_label("Select Bundle two").check()
    bar = page.locator("#selection")
    expect(bar).to_contain_text("2 selected")
    expect(bar).to_contain_text("900 kB to fetch")  # what both need is fetched once
    bar.get_by_role("button", name="Install", exact=True).click()
    expect(state(page, "Bundle one")).to_have_text("Installed")
    expect(state(page, "Bundle two")).to_have_text("Installed")
    page.get_by_label("Select Bundle one").check()
    page.get_by_label("Select Bundle two").check()
    bar.get_by_role("button", name="Uninstall").click()
    dialog = page.get_by_role("dialog", name="Uninstall?")
    expect(dialog).to_contain_text("900 kB")
    assert (workspace / "models/loras/bundle-a.safetensors").exists()
    dialog.get_by_role("button", name="Delete 900 kB").click()
    expect(state(page, "Bundle one")).to_have_text("Not here")
    assert not list((workspace / "models").rglob("bundle*"))


def test_the_page_says_how_old_it_is_and_catches_up(visit: Visit, offers: Offers, hub: FakeHub) -> None:
    offers.add("OUTAGE", "Through an outage", "checkpoints/outage.safetensors", size=2 * MB)
    gate = hub.gate("checkpoints/outage.safetensors", at_byte=MB)
    sockets: list[WebSocketRoute] = []
    cut = False

    def connect(socket: WebSocketRoute) -> None:
        if cut:
            socket.close()
        else:
            socket.connect_to_server()
            sockets.append(socket)

    page = visit("/", before=lambda page: page.route_web_socket(re.compile("/ws/dashboard"), connect))
    page.goto("/models/?q=outage")
    card(page, "Through an outage").get_by_role("button", name="Install").click()
    assert gate.reached.wait(30)
    expect(state(page, "Through an outage")).to_have_text("Downloading")
    cut = True
    sockets[-1].close()
    expect(page.locator("#connection")).to_contain_text(re.compile(r"No live connection. What you see is \d+ s old"))
    gate.open()
    cut = False
    expect(page.locator("#connection")).to_be_hidden(timeout=20_000)
    expect(state(page, "Through an outage")).to_have_text("Installed", timeout=20_000)


def test_a_web_server_that_is_killed_comes_back_under_the_open_page(
    visit: Visit, offers: Offers, hub: FakeHub, server: Serve
) -> None:
    offers.add("REBORN", "Through a restart", "checkpoints/reborn.safetensors", size=2 * MB)
    gate = hub.gate("checkpoints/reborn.safetensors", at_byte=MB)
    page = visit("/models/?q=through+a+restart")
    page.expected.extend(["WebSocket", "Failed to load", "htmx:sendError"])  # type: ignore[attr-defined]
    card(page, "Through a restart").get_by_role("button", name="Install").click()
    assert gate.reached.wait(30)
    os.kill(server.child("web"), signal.SIGKILL)
    gate.open()
    expect(state(page, "Through a restart")).to_have_text("Installed", timeout=30_000)
