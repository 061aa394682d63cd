"""Stories of a person with a workflow: what does it lack, get it, use it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.comfydash.serving import wait_for
from tests.fakehub import FakeHub
from tests.presets.makers import safetensors
from tests.ui.test_looks import overhang, violations
from tests.workflows.make import dump, node, png, ui

Visit = Callable[..., Page]

DROP = """([name, bytes]) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], name));
    const over = (type) => document.body.dispatchEvent(
        new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    over("dragenter"); over("dragover"); over("drop");
}"""


def lacking(hub: FakeHub, name: str) -> dict[str, Any]:
    """A workflow whose only model lies on the Hub."""
    file = hub.add_file(f"org/{name}", f"{name}.safetensors", size=300_000, seed=len(name))
    model = {"name": f"{name}.safetensors", "directory": "checkpoints", "url": file.url}
    return ui(node(values=(f"{name}.safetensors",), models=[model]))


def put(workspace: Path, name: str, workflow: dict[str, Any]) -> None:
    folder = workspace / "workflows"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(workflow))


def test_installing_what_is_missing_makes_a_workflow_ready_while_one_watches(
    visit: Visit, hub: FakeHub, workspace: Path
) -> None:
    put(workspace, "castle", lacking(hub, "castle"))
    page = visit("/workflows/?q=castle&source=local")
    card = page.get_by_role("article", name="castle")
    # The folder is looked at every few seconds.
    wait_for(lambda: page.reload() and card.count(), name="the workflow on the board")
    expect(card).to_contain_text("Missing models")

    card.get_by_role("button", name="Install what is missing").click()

    expect(page.locator("#toasts")).to_contain_text("castle: 1 file queued")
    expect(card.locator(".badge-ready")).to_be_visible(timeout=30_000)
    expect(card.get_by_role("link", name="Generate")).to_be_visible()
    assert (workspace / "models" / "checkpoints" / "castle.safetensors").stat().st_size > 0


def test_a_picture_dropped_anywhere_shows_what_it_needs_and_is_saved_on_request(
    visit: Visit, hub: FakeHub, workspace: Path
) -> None:
    picture = png((b"tEXt", b"workflow\0" + dump(lacking(hub, "dropped"))))
    page = visit("/")
    page.evaluate(DROP, ["My picture.png", list(picture)])

    expect(page.get_by_role("heading", level=1)).to_have_text("My picture")
    expect(page.get_by_role("row", name="checkpoints/dropped.safetensors")).to_contain_text("Missing")
    assert not (workspace / "workflows" / "My picture.json").exists()

    page.get_by_role("button", name="Save to my workflows").click()

    expect(page.locator("#toasts")).to_contain_text("My picture is saved to your workflows.")
    expect(page).to_have_url(re.compile(r"/workflows/show/local:My%20picture\.json/$"))


def test_a_pasted_workflow_is_shown_too(visit: Visit, hub: FakeHub) -> None:
    page = visit("/activity/")
    page.evaluate(
        """text => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text/plain", text);
            const options = { clipboardData, bubbles: true, cancelable: true };
            document.body.dispatchEvent(new ClipboardEvent("paste", options));
        }""",
        json.dumps(lacking(hub, "pasted")),
    )
    expect(page.get_by_role("row", name="checkpoints/pasted.safetensors")).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_file_in_the_wrong_folder_is_fixed(visit: Visit, workspace: Path, script: bool) -> None:
    name = f"lies-{script}".lower()
    wrong = workspace / "models" / "loras" / f"{name}.safetensors"
    wrong.parent.mkdir(parents=True, exist_ok=True)
    wrong.write_bytes(safetensors(fill=2 + script))
    put(workspace, name, ui(node(values=(f"{name}.safetensors",))))
    page = visit(f"/workflows/show/local:{name}.json/", java_script_enabled=script)
    # The disk is looked at every two seconds.
    wait_for(lambda: page.reload() and page.get_by_text(f"Found at loras/{name}.safetensors").count(), name="the look")

    page.get_by_role("button", name="Fix it").click()

    expect(page.locator("#toasts")).to_contain_text(f"checkpoints/{name}.safetensors linked.")
    expect(page.locator("main .badge-ready")).to_be_visible()
    assert (workspace / "models" / "checkpoints" / f"{name}.safetensors").samefile(wrong)


def test_an_address_nobody_knows_must_be_confirmed(visit: Visit, workspace: Path) -> None:
    model = {"name": "stranger.safetensors", "directory": "vae", "url": "https://stranger.invalid/stranger.safetensors"}
    put(workspace, "stranger", ui(node("VAELoader", ("stranger.safetensors",), models=[model])))
    page = visit("/workflows/show/local:stranger.json/")

    page.get_by_role("button", name="Install what is missing").click()

    expect(page.locator("#toasts")).to_contain_text("which the catalogue does not know")
    expect(page.get_by_role("checkbox", name="stranger.invalid")).not_to_be_checked()
    expect(visit("/downloads/").get_by_role("main")).not_to_contain_text("stranger")


def test_the_planner_says_how_much_room_unlocks_what(visit: Visit) -> None:
    page = visit("/workflows/")
    page.get_by_role("link", name="Unlock planner").click()
    page.get_by_label("Room for downloads").fill("30GB")
    page.get_by_role("button", name="Plan").click()
    expect(page.get_by_role("heading", name="Ready afterwards")).to_be_visible()
    expect(page.get_by_role("button", name="Install these")).to_be_enabled()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize(
    "path",
    [
        "/workflows/",
        "/workflows/?verdict=unreadable",
        "/workflows/?q=nothing+has+this+name",
        "/workflows/plan/?budget=30GB",
        "/workflows/plan/?budget=nonsense",
        "/workflows/drop/",
        "/workflows/show/local:everything.json/",
    ],
)
def test_the_pages_are_accessible_and_fit_the_screen(visit: Visit, workspace: Path, path: str, width: int) -> None:
    strange = {"name": "odd.safetensors", "directory": "vae", "url": "https://stranger.invalid/odd.safetensors"}
    wrong = workspace / "models" / "loras" / "misplaced.safetensors"
    wrong.parent.mkdir(parents=True, exist_ok=True)
    wrong.write_bytes(safetensors(fill=9))
    nodes = [
        node(values=("misplaced.safetensors",), id=1),
        node("VAELoader", ("odd.safetensors",), id=2, models=[strange]),
        node("Custom", ("nobody-knows.pt",), id=3),
        node("LoraLoader", ("a-very-long-name-" * 9 + ".safetensors",), id=4, mode=4),
        node("VAELoader", ("../outside.safetensors",), id=5),
    ]
    put(workspace, "everything", ui(*nodes))
    (workspace / "workflows" / "cut-short.json").write_text("{")
    page = visit(path, width=width)
    expect(page.locator("main")).to_be_visible()
    assert overhang(page) <= 0
    assert violations(page) == []
