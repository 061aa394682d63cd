"""Stories on a server of its own: with a small disk, and a ComfyUI beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.comfydash.serving import Serve, wait_for
from tests.fakecomfy import FakeComfy
from tests.fakehub import FakeHub
from tests.presets.makers import safetensors
from tests.ui.conftest import Offers, Visit, dashboard
from tests.ui.test_looks import overhang, violations
from tests.workflows.make import png

MB = 10**6
TEMPLATES = ("image_z_image_turbo", "image_krea2_turbo_t2i")
LOADED = "images => images.map(image => [image.getAttribute('src').split('/')[3], image.complete, image.naturalWidth])"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("small")


@pytest.fixture(scope="module")
def offers(hub: FakeHub, workspace: Path) -> Offers:
    offers = Offers(hub, workspace / "config" / "presets.yaml")
    offers.add("LARGE", "Larger than what is left", "checkpoints/large.safetensors", size=3 * MB)
    return offers


@pytest.fixture(scope="module")
def comfy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeComfy]:
    with FakeComfy(tmp_path_factory.mktemp("comfy")) as fake:
        fake.templates |= {name: {} for name in TEMPLATES}
        fake.fixed["/templates/image_z_image_turbo-1.webp"] = (200, png())
        yield fake


@pytest.fixture(scope="module")
def server(hub: FakeHub, offers: Offers, comfy: FakeComfy, workspace: Path) -> Iterator[Serve]:
    for number, name in enumerate(("loras/old-one", "loras/old-two", "vae/kept")):
        file = workspace / "models" / f"{name}.safetensors"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(safetensors(MB, fill=number + 1))
    small = {"COMFYDASH_DISK_QUOTA": "4500kB", "COMFYDASH_DISK_RESERVE": "0"}
    with dashboard(hub, offers, workspace, COMFYUI_URL=comfy.url, COMFYDASH_AUTH="off", **small) as serve:
        yield serve


@pytest.fixture(scope="module")
def session() -> None:
    """Nobody logs in here."""


def test_templates_show_the_pictures_that_comfyui_has(visit: Visit) -> None:
    """What it does not have leaves the drawing, and no error in the console."""
    page = visit("/generate/")
    expect(page.locator("#comfyui-status")).to_contain_text("Running")
    for path in ("/workflows/?q=image_z_image_turbo", "/workflows/?q=image_krea2_turbo_t2i"):
        page.goto(path)
        wait_for(lambda: page.locator("article img").count() or not page.reload(), name="its list of templates")
        page.wait_for_load_state("networkidle")
        images = page.locator("article img").evaluate_all(LOADED)
        has_it = "z_image" in path
        assert all(complete and bool(width) == (name == TEMPLATES[0]) for name, complete, width in images), images
        assert has_it == any(width for _, _, width in images)
        expect(page.locator("article .thumb svg").first).to_be_visible()


def test_space_is_freed_and_what_waited_for_it_starts_by_itself(visit: Visit, workspace: Path) -> None:
    page = visit("/generate/")
    expect(page.locator("#comfyui-status")).to_contain_text("Running")
    page.goto("/models/?q=larger")
    card = page.get_by_role("article", name="Larger than what is left")
    card.get_by_role("button", name="Install").click()
    expect(card.locator(".badge")).to_have_text("Waiting")
    expect(card).to_contain_text(re.compile(r"The disk is full: 1\.5\d* MB more must be free"))

    card.get_by_role("link", name="Free space").click()
    expect(page.get_by_role("heading", name="Storage")).to_be_visible()
    expect(page.locator("#space")).to_contain_text(
        re.compile(r"Larger than what is left waits for\s+space: 1\.5\d* MB")
    )
    page.get_by_role("checkbox", name="loras/old-one.safetensors").check()
    page.get_by_role("checkbox", name="loras/old-two.safetensors").check()
    bar = page.locator("#selection")
    expect(bar).to_contain_text("2 selected")
    expect(bar).to_contain_text("frees 2.0 MB")
    expect(bar).not_to_contain_text("fetch")
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert overhang(page) <= 0
    bar.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete 2 files?")
    expect(dialog).to_contain_text("No installed model and no workflow of yours needs them.")
    assert (workspace / "models/loras/old-one.safetensors").exists()
    dialog.get_by_role("button", name="Delete 2.0 MB").click()

    expect(page.locator("#toasts")).to_contain_text("2 files deleted, 2.0 MB freed.")
    said = "Larger than what is left is installed. Press R in open tabs of ComfyUI to see it there."
    expect(page.locator("#toasts")).to_contain_text(said)
    expect(page.locator("#files")).to_contain_text("checkpoints/large.safetensors")
    expect(page.locator("#space")).not_to_contain_text("waits for space")
    names = {file.name: file.stat().st_size for file in (workspace / "models").rglob("*.safetensors")}
    assert names == {"kept.safetensors": len(safetensors(MB)), "large.safetensors": 3 * MB}
