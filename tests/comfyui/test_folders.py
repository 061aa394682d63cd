"""Folders as ComfyUI reports them: offered, used only when accepted, and missed when they are not ours."""

from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client as Browser

from comfyui import folders
from comfyui.models import ComfyState
from comfyui.poller import Poller
from downloads.inventory.scan import models_index
from tests.fakecomfy import FakeComfy
from tests.presets.makers import safetensors
from tests.workflows.conftest import workspace  # noqa: F401 - a fixture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]


@pytest.fixture
def extra(comfy: FakeComfy, tmp_path: Path) -> Path:
    """A folder that only ComfyUI knows of, with a model in it."""
    folder = tmp_path / "volume" / "loras"
    folder.mkdir(parents=True)
    (folder / "style.safetensors").write_bytes(safetensors())
    comfy.extra_folders = {"loras": [folder, Path("/only/in/the/container")]}
    return folder


def test_only_folders_that_are_here_are_offered(extra: Path, watched: Poller) -> None:
    watched.step()
    offered = {offer.path for offer in folders.read().offers()}
    assert str(extra) in offered
    assert "/only/in/the/container" not in offered
    assert folders.read().kinds["loras"][-1] == "/only/in/the/container"


def test_an_accepted_folder_counts_and_a_dropped_one_no_more(
    extra: Path, comfy: FakeComfy, watched: Poller, admin_browser: Browser
) -> None:
    watched.step()
    assert models_index().find("loras/style.safetensors") is None
    admin_browser.post("/generate/folders/", {"folder": [str(extra), "/etc"]})
    assert folders.read().accepted == [str(extra)]  # what was not offered is not taken
    assert models_index().find("loras/style.safetensors") is not None
    comfy.stop()
    watched.step()
    folders.forget()
    assert models_index().find("loras/style.safetensors") is not None  # kept while ComfyUI is down
    admin_browser.post("/generate/folders/")
    assert models_index().find("loras/style.safetensors") is None


def test_an_accepted_folder_that_is_unmounted_is_left_out(extra: Path, watched: Poller) -> None:
    watched.step()
    folders.accept([str(extra)])
    extra.rename(extra.with_name("gone"))
    folders.forget()
    assert folders.reported_roots() == {}


def test_settings_shows_the_offer_and_the_folder_for_links(
    extra: Path, watched: Poller, admin_browser: Browser
) -> None:
    from django.template import Context, Template

    watched.step()
    shown = Template("{% load comfyui %}{% comfyui_settings %}").render(Context({"csrf_token": "t"}))
    assert "ComfyUI also reads" in shown
    assert str(extra) in shown
    assert "custom_nodes/comfydash_workflows" in shown


def test_it_says_when_models_go_where_comfyui_does_not_look(comfy: FakeComfy, watched: Poller) -> None:
    watched.step()
    assert f"Set COMFYDASH_MODELS_DIR={comfy.root / 'models'}" in folders.read().mismatch()
    settings.MODELS_DIR = comfy.root / "models"
    assert folders.read().mismatch() == ""


@pytest.mark.parametrize("broken", ["/experiment/models", "/internal/folder_paths"])
def test_one_of_the_two_routes_is_enough(comfy: FakeComfy, watched: Poller, broken: str) -> None:
    comfy.fixed[broken] = (404, b"")
    watched.step()
    assert folders.read().kinds["checkpoints"] == [str(comfy.root / "models" / "checkpoints")]


@pytest.mark.parametrize(
    "answer", [b"[]", b"{}", b'[{"name": 4}]', b'{"checkpoints": "x"}', b'[{"name":"a","folders":[4]}]']
)
def test_odd_reports_harm_nobody(comfy: FakeComfy, watched: Poller, answer: bytes) -> None:
    comfy.fixed = dict.fromkeys(["/experiment/models", "/internal/folder_paths"], (200, answer))
    watched.step()
    assert ComfyState.get().state == "up"
    assert folders.read().offers() == []
