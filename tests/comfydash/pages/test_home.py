"""Home: a checklist at the first start, afterwards what runs and what waits for the person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from activity.models import Activity
from downloads.inventory import scan
from downloads.models import Status
from presets import catalogue
from settings_app.administrator import administrator
from tests.downloads.makers import make_install
from tests.presets.makers import file, preset, write_catalogue

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, settings: Any) -> Iterator[Path]:
    settings.MODELS_DIR = tmp_path / "models"
    settings.PRESETS_FILE = tmp_path / "config" / "presets.yaml"
    catalogue.forget()
    scan.forget()
    yield tmp_path
    catalogue.forget()
    scan.forget()


@pytest.fixture
def owner() -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(administrator())
    return client


def test_a_first_start_shows_a_checklist_with_each_fix(owner: Client, workspace: Path) -> None:
    text = owner.get("/").content.decode()
    states = re.findall(r'badge-\w+">\s*(\w[\w ]*?)\s*</span>\s*<span class="grow">\s*<strong>([^<]+)</strong>', text)
    assert states == [
        ("To do", "Models folder"),
        ("Ready", "Catalogue"),
        ("Optional", "Hugging Face token"),
        ("Optional", "ComfyUI"),
    ]
    assert "COMFYDASH_MODELS_DIR" in text
    (workspace / "models").mkdir()
    scan.forget()
    assert f"{workspace}/models, with 0 files in it." in owner.get("/").content.decode()


def test_after_the_first_install_the_checklist_is_gone(owner: Client) -> None:
    make_install(Status.COMPLETED)
    assert "First start" not in owner.get("/").content.decode()


def test_what_waits_stands_with_its_reason_and_its_button(owner: Client) -> None:
    make_install(Status.WAITING, title="Gated", reason="token_required", error_message="It needs a token.")
    make_install(Status.FAILED, title="Broke", error_message="The line was cut.")
    text = owner.get("/").content.decode()
    assert 'Waits for you <span class="count">2</span>' in text
    for words in ("It needs a token.", "Add token", "The line was cut.", 'aria-label="Retry Broke"'):
        assert words in text


@pytest.mark.parametrize("piece", ["now", "disk", "ready", "latest"])
def test_each_live_piece_comes_alone(owner: Client, piece: str) -> None:
    Activity.log("settings", "completed", "Something was set")
    text = owner.get("/", headers={"HX-Request": "true", "HX-Target": piece}).content.decode()
    assert f'id="{piece}"' in text
    assert "<html" not in text


def test_the_model_page_asks_which_workflows_use_it(owner: Client) -> None:
    write_catalogue({"A": preset(file("checkpoints/nobody-uses-this.safetensors"), name="Alpha")})
    assert 'hx-get="/models/A/workflows/"' in owner.get("/models/A/").content.decode()
    assert "No official template" in owner.get("/models/A/workflows/").content.decode()
    assert owner.get("/models/NOPE/workflows/").status_code == 404
