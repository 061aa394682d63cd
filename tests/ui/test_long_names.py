"""Names, tags, addresses and sentences of 300 letters without a blank: no page becomes wider than its window."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.comfydash.serving import Serve
from tests.fakehub import FakeHub
from tests.presets.makers import safetensors
from tests.ui.conftest import Offers, Visit, dashboard
from tests.ui.test_looks import overhang
from tests.workflows.make import node, ui

WORD = "unbroken" * 37 + "word"
FILE = "unbroken" * 25  # a file's name may have 255 bytes
PAGES = [
    "/",
    "/models/",
    "/models/?view=list",
    f"/models/?q={WORD}",
    "/models/GONE/",
    "/models/HALF/",
    "/models/WAITS/",
    "/models/LONG/workflows/",
    "/models/LONG/uninstall/",
    "/models/LONG/reinstall/",
    "/downloads/",
    "/downloads/?status=failed",
    "/downloads/queue/",
    "/downloads/token/",
    "/downloads/1/",
    "/downloads/2/",
    "/workflows/?source=local",
    f"/workflows/?q={WORD}",
    f"/workflows/show/local:{FILE}.json/",
    f"/workflows/show/local:{FILE}cut.json/",
    "/workflows/plan/?budget=30GB",
    "/storage/",
    f"/storage/?q={WORD}",
    "/generate/?model=LONG",
    "/activity/",
    f"/activity/?q={WORD}",
    "/settings/",
]
RECORDS = [
    "/admin/",
    "/admin/downloads/downloadhistory/",
    "/admin/downloads/downloadhistory/1/change/",
    "/admin/downloads/downloadhistory/2/change/",
    "/admin/downloads/modelfile/",
    "/admin/downloads/modelfile/1/change/",
    "/admin/downloads/worker/",
    "/admin/activity/activity/",
    "/admin/activity/activity/1/change/",
    "/admin/settings_app/setting/",
]
# What is wider than its own box is cut, or hides behind a bar of its own.
CUT = """() => [...document.querySelectorAll("#content, #content *")]
    .filter(element => element.scrollWidth > element.clientWidth + 1 && !element.closest(".visually-hidden")
        && ["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(element).overflowX))
    .map(element => `${element.tagName} ${element.className} ${element.scrollWidth} > ${element.clientWidth}`)"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("long")


@pytest.fixture(scope="module")
def offers(hub: FakeHub, workspace: Path) -> Offers:
    offers = Offers(hub, workspace / "config" / "presets.yaml")
    for preset_id, folder, facts in (
        ("LONG", "checkpoints", {}),
        ("GONE", f"loras/{FILE}", {}),
        ("WAITS", "unet", {"repo": "org/" + "r" * 90, "gated": True}),
        ("HALF", "vae", {"size": 900_000}),
        ("QUEUED", "clip", {}),
    ):
        offers.add(preset_id, f"{preset_id}{WORD}", f"{folder}/{FILE}.safetensors", **facts)
        offers.presets[preset_id] |= {"description": WORD, "use_case": WORD, "tags": [WORD, "story"]}
    offers.write()
    hub.fault(f"loras/{FILE}/{FILE}.safetensors", status=404)
    return offers


@pytest.fixture(scope="module")
def server(hub: FakeHub, offers: Offers, workspace: Path) -> Iterator[Serve]:
    loras, workflows = workspace / "models" / "loras", workspace / "workflows"
    for folder in (loras, workflows):
        folder.mkdir(parents=True)
    for name in (f"{FILE}twice", "short"):
        (loras / f"{name}.safetensors").write_bytes(safetensors(1000, fill=3))
    address = f"https://stranger.invalid/{WORD}/odd.safetensors"
    unknown = {"name": f"{FILE}odd.safetensors", "directory": "vae", "url": address}
    needs = [
        node(values=(f"{FILE}twice.safetensors",), id=1),
        node("VAELoader", (f"{FILE}odd.safetensors",), id=2, models=[unknown]),
        node(WORD, (f"{FILE}.pt",), id=3),
    ]
    (workflows / f"{FILE}.json").write_text(json.dumps(ui(*needs)))
    (workflows / f"{FILE}cut.json").write_text("{")
    with dashboard(hub, offers, workspace, COMFYDASH_AUTH="off") as serve:
        yield serve


@pytest.fixture(scope="module")
def session() -> None:
    """Nobody logs in here."""


@pytest.fixture(autouse=True)
def calm() -> None:
    """Here the Hub stays as the first test found it: the pages are to be full."""


@pytest.fixture(scope="module")
def filled() -> dict[str, bool]:
    return {}


@pytest.fixture
def look(visit: Visit, hub: FakeHub, filled: dict[str, bool]) -> Visit:
    """Opens a page once there is an install in each state."""
    if not filled:
        hub.gate(f"vae/{FILE}.safetensors", at_byte=500_000)
        page = visit("/")
        for preset_id, state in (
            ("LONG", "Installed"),
            ("GONE", "Failed"),
            ("WAITS", "Waiting"),
            ("HALF", "Downloading"),
            ("QUEUED", "Queued"),
        ):
            page.goto(f"/models/{preset_id}/")
            page.get_by_role("button", name="Install").click()
            expect(page.locator("#preset .badge").first).to_have_text(state)
        filled["yes"] = True
    return visit


@pytest.mark.sampled(12)
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.replace(WORD, "WORD").replace(FILE, "FILE"))
def test_no_page_is_wider_than_its_window(look: Visit, path: str) -> None:
    page = look(path)
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert overhang(page) <= 0, width


@pytest.mark.sampled(5)
@pytest.mark.parametrize("path", RECORDS)
def test_no_record_of_the_admin_is_wider_than_its_window_or_cut(look: Visit, path: str) -> None:
    page = look(path)
    for width in (390, 820, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert overhang(page) <= 0, width
        assert page.evaluate(CUT) == [], width


def test_a_short_value_of_a_record_takes_a_line_and_not_a_screen(look: Visit) -> None:
    page = look("/admin/downloads/downloadhistory/1/change/")
    tall = "() => document.querySelector('.field-status .readonly').offsetHeight"
    for width in (390, 820, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(tall) < 60, width
