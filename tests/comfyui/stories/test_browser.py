"""Stories in a real browser, with ``manage.py serve``, its worker, and a fake ComfyUI beside them.

No test here touches the database: Playwright's sync API and the ORM do not mix in one thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.browser import WATCH_CSP, launched
from tests.comfydash.serving import Serve, serving, wait_for
from tests.fakecomfy import FakeComfy, image
from tests.presets.makers import safetensors
from tests.ui.test_looks import AXE, RULES
from tests.workflows.make import api, dump, ui
from tests.workflows.put import loader

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Of this module alone: the event loop that it brings must not outlive it."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeComfy]:
    with FakeComfy(tmp_path_factory.mktemp("comfy")) as fake:
        yield fake


@pytest.fixture(scope="module")
def server(beside: FakeComfy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """A dashboard whose models folder is ComfyUI's, with one model installed and two workflows that use it."""
    workspace = tmp_path_factory.mktemp("workspace")
    (beside.root / "models/checkpoints/a.safetensors").write_bytes(safetensors())
    model = {
        "name": "Alpha XL",
        "category": "Pictures",
        "type": "image",
        "files": [
            {"path": "checkpoints/a.safetensors", "url": "https://huggingface.co/o/r/resolve/main/a.safetensors"}
        ],
    }
    write(workspace / "config/presets.yaml", yaml.safe_dump({"metadata": {"version": "1"}, "presets": {"A": model}}))
    write(workspace / "workflows/Portrait.json", dump(ui(loader())).decode())
    graph = api(CheckpointLoaderSimple={"ckpt_name": "a.safetensors"}, SaveImage={})
    write(workspace / "workflows/Batch.json", json.dumps(graph))
    with serving(
        workspace,
        COMFYDASH_AUTH="off",
        DJANGO_SETTINGS_MODULE="tests.comfyui.hasty",
        COMFYUI_URL=beside.url,
        COMFYDASH_MODELS_DIR=str(beside.root / "models"),
    ) as serve:
        serve.wait_until_healthy()
        wait_for(lambda: beside.asked("/api/jobs"), name="the poller's first look")
        yield serve
        serve.stop()


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


@pytest.fixture
def page(chromium: Browser, server: Serve) -> Iterator[Page]:
    """A window; whatever its console or the CSP reports fails the story."""
    context = chromium.new_context(base_url=server.url, viewport={"width": 1440, "height": 900})
    window = context.new_page()
    window.add_init_script(WATCH_CSP)
    complaints: list[str] = []
    window.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    window.on("pageerror", lambda error: complaints.append(str(error)))
    yield window
    context.close()
    assert complaints == []


def test_from_an_installed_model_to_its_picture(page: Page, beside: FakeComfy) -> None:
    page.goto("/models/?q=Alpha")
    page.get_by_role("article", name="Alpha XL", exact=True).get_by_role("link", name="Generate").click()
    expect(page.get_by_role("heading", name="Generate with Alpha XL")).to_be_visible()
    page.get_by_role("button", name="Queue Batch").click()
    expect(page.get_by_text("Batch is queued in ComfyUI.")).to_be_visible()
    page.goto("/activity/")
    beside.jobs.start()
    expect(page.get_by_text("Generation started").first).to_be_visible()
    beside.jobs.finish({"3": {"images": [image(1), image(2)]}})
    expect(page.get_by_text("2 images generated")).to_be_visible()
    picture = page.get_by_role("img", name="First picture of this generation").first
    expect(picture).to_have_js_property("naturalWidth", 1)  # it arrived, as small as the fake makes it


def test_a_workflow_of_mine_is_brought_to_comfyui(page: Page, beside: FakeComfy) -> None:
    page.goto("/generate/?model=A")
    page.get_by_role("button", name="Bring to ComfyUI Portrait").click()
    expect(page.get_by_text("ComfyDash/Portrait.json")).to_be_visible()
    assert (beside.root / "user/default/workflows/ComfyDash/Portrait.json").exists()
    link = page.get_by_role("main").get_by_role("link", name="ComfyUI").first
    expect(link).to_have_attribute("href", f"http://127.0.0.1:{beside.port}/")
    with page.context.expect_page() as opened:
        link.click()
    expect(opened.value).to_have_title("ComfyUI")  # not the bare 403 of a cross-site visit


def test_a_failed_generation_explains_itself(page: Page, beside: FakeComfy) -> None:
    page.goto("/activity/")
    beside.jobs.put("22222222-2222-4222-8222-222222222222")
    beside.jobs.start()
    beside.jobs.fail()
    expect(page.get_by_text("Generation failed")).to_be_visible()
    expect(page.get_by_text("Keep the picture: CUDA out of memory.")).to_be_visible()
    page.reload()
    assert "secret_path" not in page.content()


def test_comfyui_goes_away_and_comes_back(page: Page, beside: FakeComfy) -> None:
    page.goto("/generate/")
    panel = page.get_by_role("region", name="ComfyUI")
    expect(panel.get_by_text("Running", exact=True)).to_be_visible()
    beside.stop()
    expect(panel.get_by_text("Not running")).to_be_visible(timeout=40_000)
    expect(panel.get_by_text("Seen last")).to_be_visible()
    beside.restart()
    expect(panel.get_by_text("Running", exact=True)).to_be_visible(timeout=40_000)


@pytest.mark.parametrize("path", ["/generate/", "/generate/?model=A", "/generate/?workflow=local:Portrait.json"])
@pytest.mark.parametrize(("theme", "width"), [("dark", 390), ("light", 1440)])
def test_the_page_suits_everybody(page: Page, path: str, theme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(reduced_motion="reduce")  # colours change over a moment, and half-way nothing has a contrast
    page.goto(path)
    page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
    page.evaluate(AXE)
    found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)
    assert [f"{problem['id']}: {problem['nodes'][0]['html']}" for problem in found["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_happens_between_a_page_and_its_socket_is_seen(page: Page, beside: FakeComfy) -> None:
    held: list[WebSocketRoute] = []
    page.route_web_socket("**/ws/dashboard", lambda socket: held.append(socket))
    page.goto("/activity/")
    prompt = "33333333-3333-4333-8333-333333333333"
    beside.jobs.put(prompt)
    beside.jobs.start()
    beside.jobs.fail()
    wait_for(lambda: page.request.get("/activity/").text().count(prompt) == 2, name="start and end in the log")
    expect(page.locator("#log").get_by_text(prompt)).to_have_count(0)
    held[0].connect_to_server()
    expect(page.locator("#log").get_by_text(prompt)).to_have_count(2)
