"""A token that is saved is told, and every page that asked for one says what holds now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.comfydash.serving import Serve
from tests.fakehub import FakeHub
from tests.ui.conftest import Offers, Visit, dashboard

SAVED = "The token is saved. What waited for it starts by itself."


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("token")


@pytest.fixture(scope="module")
def offers(hub: FakeHub, workspace: Path) -> Offers:
    return Offers(hub, workspace / "config" / "presets.yaml")


@pytest.fixture(scope="module")
def server(hub: FakeHub, offers: Offers, workspace: Path) -> Iterator[Serve]:
    with dashboard(hub, offers, workspace, COMFYDASH_AUTH="off") as serve:
        yield serve


@pytest.fixture(scope="module")
def session() -> None:
    """Nobody logs in here."""


def test_at_the_first_start_a_saved_token_is_ticked_off(visit: Visit) -> None:
    page = visit("/")
    line = page.locator("#checklist li", has_text="Hugging Face token")
    line.get_by_role("link", name="Add token").click()
    dialog = page.get_by_role("dialog", name="Hugging Face token")
    dialog.get_by_label("Token").fill("hf_goodgoodgood")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts")).to_contain_text(SAVED)
    expect(dialog).to_be_hidden()
    expect(line).to_contain_text("Ready")
    page.goto("/settings/")
    page.locator("#token").get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete the token").click()
    expect(page.locator("#token")).to_contain_text("Some models ask who you are")


def test_saving_a_token_is_told_and_no_open_page_asks_for_it_any_more(visit: Visit, offers: Offers) -> None:
    offers.add("LETIN", "Lets me in", "vae/letin.safetensors", repo="org/gated", gated=True)
    offers.add("LICENCE", "Wants a licence", "vae/licence.safetensors", repo="org/unaccepted", gated=True)
    for preset_id in ("LETIN", "LICENCE"):
        page = visit(f"/models/{preset_id}/")
        page.get_by_role("button", name="Install").click()
        expect(page.locator("#preset .badge").first).to_have_text("Waiting")
    paths = ("/", "/models/?q=me+in", "/models/?q=licence", "/models/LETIN/", "/models/LICENCE/", "/settings/")
    others = {path: visit(path) for path in paths}
    asked = [path for path, page in others.items() if page.get_by_role("link", name="Add token").count()]
    assert asked == list(paths[:-1])

    page = visit("/downloads/")
    page.get_by_role("link", name="Add token").first.click()
    dialog = page.get_by_role("dialog", name="Hugging Face token")
    dialog.get_by_label("Token").fill("hf_goodgoodgood")
    dialog.get_by_role("button", name="Save & Download").click()

    expect(page.locator("#toasts")).to_contain_text(SAVED)
    expect(dialog).to_be_hidden()
    for window in (page, *others.values()):
        expect(window.get_by_role("link", name="Add token")).to_have_count(0)
    expect(others["/models/LETIN/"].locator("#preset .badge").first).to_have_text("Installed")
    expect(others["/models/?q=licence"].get_by_role("link", name="Accept licence")).to_be_visible()
    expect(others["/settings/"].locator("#token")).to_contain_text("Saved")
    expect(page.locator("body")).not_to_be_focused()


def test_on_a_page_of_its_own_the_form_is_empty_after_saving(visit: Visit) -> None:
    page = visit("/downloads/token/")
    page.get_by_label("Token").fill("hf_goodgoodgood")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts")).to_contain_text(SAVED)
    expect(page.get_by_label("Token")).to_have_value("")


def test_a_token_that_the_hub_does_not_know_is_refused_in_the_dialog(visit: Visit) -> None:
    page = visit("/downloads/token/")
    page.get_by_label("Token").fill("hf_wrongwrongwrong")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("does not know this token")).to_be_visible()
    expect(page.locator("#toasts")).not_to_contain_text("saved")
