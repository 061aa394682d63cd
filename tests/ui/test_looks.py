"""Every page and dialog, dark and light, phone and desktop: axe finds nothing, nothing scrolls sideways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Page, expect

from tests.comfydash.serving import Serve
from tests.fakehub import FakeHub
from tests.ui.conftest import Offers, Visit

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = [
    "/",
    "/models/",
    "/models/?view=list&sort=status",
    "/models/?q=nothing+has+this+name",
    "/models/RUNNING/",
    "/models/STUCK/",
    "/downloads/",
    "/downloads/?status=failed",
    "/downloads/queue/",
    "/downloads/token/",
    "/workflows/",
    "/storage/",
    "/generate/?model=HERE",
    "/models/HERE/workflows/",
    "/activity/",
    "/settings/",
]
DIALOGS = [
    ("/", "#queue-button"),
    ("/downloads/", "a[href='/downloads/token/']"),
    ("/models/", "a[href='/models/refresh/']"),
    ("/models/?q=sits+here", "a[href='/models/HERE/uninstall/']"),
    ("/models/?q=sits+here", "a[href='/models/HERE/reinstall/']"),
    ("/downloads/", "th a[href^='/downloads/']"),
    ("/storage/", "a[href^='/storage/delete/']"),
    ("/activity/", "a[href='/activity/clear/']"),
    ("/", "[data-open=keys]"),
]


@pytest.fixture(autouse=True)
def calm() -> None:
    """Here the Hub stays as the first test found it: the pages are to be full."""


@pytest.fixture(scope="module", autouse=True)
def busy(hub: FakeHub, offers: Offers, server: Serve) -> Iterator[None]:
    offers.add("HERE", "Sits here", "vae/here.safetensors", size=20_000)
    offers.add("BROKE", "Broke on the way", "vae/broke.safetensors")
    offers.add("RUNNING", "Runs right now", "unet/running.safetensors", "vae/running.safetensors", size=900_000)
    offers.add("QUEUED", "Stands in the queue", "loras/queued.safetensors")
    offers.add("HALTED", "Has been paused", "loras/halted.safetensors")
    offers.add("STUCK", "Wants a licence", "loras/stuck.safetensors", repo="org/licence", gated=True)
    hub.fault("vae/broke.safetensors", status=404)
    gate = hub.gate("unet/running.safetensors", at_byte=500_000)
    yield
    gate.open()
    hub.heal()


@pytest.fixture(scope="module")
def filled() -> dict[str, bool]:
    return {}


@pytest.fixture
def look(visit: Visit, filled: dict[str, bool]) -> Visit:
    """Opens a page once the server is full of things to show."""
    if not filled:
        page = visit("/models/HERE/")
        page.get_by_role("button", name="Install").click()
        expect(page.locator("#preset .badge").first).to_have_text("Installed")
        page.goto("/models/BROKE/")
        page.get_by_role("button", name="Install").click()
        expect(page.locator("#preset .badge").first).to_have_text("Failed")
        page.goto("/models/STUCK/")
        page.get_by_role("button", name="Install").click()
        expect(page.locator("#preset .badge").first).to_have_text("Waiting")
        for name in ("RUNNING", "QUEUED", "HALTED"):
            page.goto(f"/models/{name}/")
            page.get_by_role("button", name="Install").click()
            expect(page.get_by_role("button", name="Install")).to_have_count(0)
        page.goto("/downloads/")
        page.get_by_role("button", name="Pause Has been paused").click()
        expect(page.get_by_role("button", name="Resume Has been paused")).to_be_visible()
        filled["yes"] = True
    return visit


def violations(page: Page, part: str = "html") -> list[str]:
    """Everything in the dark theme; in the light one what a theme can change."""
    page.evaluate(AXE)
    in_theme(page, "dark")
    in_the_dark = axe(page, part, RULES)
    in_theme(page, "light")
    return in_the_dark + axe(page, part, ["color-contrast", "link-in-text-block"])


def axe(page: Page, part: str, rules: list[str]) -> list[str]:
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    found: dict[str, Any] = page.evaluate("([part, options]) => axe.run(part, options)", [part, options])
    return [
        f"{violation['id']}: {violation['help']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def in_theme(page: Page, theme: str) -> None:
    page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)


def overhang(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.mark.sampled(1, each="path")
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("path", PAGES)
def test_page(look: Visit, path: str, width: int) -> None:
    page = look(path, width=width)
    expect(page.locator("main")).to_be_visible()
    assert overhang(page) <= 0
    assert violations(page) == []


@pytest.mark.sampled(1, each="opener")
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize(("path", "opener"), DIALOGS)
def test_dialog(look: Visit, path: str, opener: str, width: int) -> None:
    page = look(path, width=width)
    button = page.locator(opener).first
    if not button.is_visible():
        menu = page.locator("details.menu", has=page.locator(opener)).first
        if not menu.count():
            pytest.skip("not on this screen")
        menu.locator("summary").click()
    button.click()
    expect(page.locator("dialog[open]")).to_be_visible()
    assert violations(page, "dialog[open]") == []
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


@pytest.mark.parametrize(
    "path", ["/", "/models/", "/downloads/", "/workflows/", "/storage/", "/activity/", "/settings/"]
)
def test_nothing_scrolls_sideways_at_any_width(look: Visit, path: str) -> None:
    page = look(path)
    for width in (320, 390, 768, 1024, 2560):
        page.set_viewport_size({"width": width, "height": 900})
        assert overhang(page) <= 0, width


@pytest.mark.parametrize("path", ["/there/is/nothing/here/", "/models/NO_SUCH_MODEL/"])
def test_an_error_page_is_in_the_same_dress(look: Visit, path: str) -> None:
    page = look("/")
    page.expected.append("404")  # type: ignore[attr-defined]
    page.goto(path)
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    assert violations(page) == []


def test_touch_targets_are_large_enough_for_a_thumb(look: Visit) -> None:
    page = look("/downloads/", width=390, has_touch=True, is_mobile=True)
    sizes = page.locator("button:visible, a.button:visible, summary:visible").evaluate_all(
        "all => all.map(e => [e.textContent.trim().slice(0, 30), Math.round(e.getBoundingClientRect().height)])"
    )
    assert [name for name, height in sizes if height < 43] == []


def test_the_first_load_stays_small(look: Visit) -> None:
    page = look("/")
    sizes: dict[str, int] = {}
    page.on("requestfinished", lambda request: sizes.update({request.url: request.sizes()["responseBodySize"]}))
    page.route("**/*", lambda route: route.continue_())  # past the browser's cache
    page.goto("/models/")
    page.wait_for_load_state("networkidle")
    print(f"First load of Models: {sum(sizes.values()) / 1000:.0f} kB in {len(sizes)} requests")
    assert sum(sizes.values()) < 150_000
