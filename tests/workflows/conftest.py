from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from downloads.inventory import scan
from presets import catalogue, templates_source
from settings_app.administrator import administrator
from workflows import comfyui_user, library


@pytest.fixture
def workspace(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folders of its own for each test, an empty catalogue, no official templates, and no memory of the test before."""
    settings.MODELS_DIR = tmp_path / "models"
    settings.DATA_DIR = tmp_path / "data"
    settings.WORKFLOW_DIRS = [tmp_path / "workflows"]
    settings.PRESETS_FILE = tmp_path / "config" / "presets.yaml"
    settings.EXTRA_MODEL_PATHS = ""
    for folder in (settings.MODELS_DIR, settings.DATA_DIR, settings.WORKFLOW_DIRS[0], settings.PRESETS_FILE.parent):
        folder.mkdir()
    settings.PRESETS_FILE.write_text("metadata: {version: '1'}\npresets: {}\n")
    monkeypatch.setattr(templates_source, "MODULE", "no_such_package")
    _forget()
    yield tmp_path
    _forget()


@pytest.fixture
def templates(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The official templates are installed."""
    monkeypatch.setattr(templates_source, "MODULE", "comfyui_workflow_templates_json")
    _forget()


def _forget() -> None:
    templates_source.templates.cache_clear()
    library._template_entries.cache_clear()
    catalogue.forget()
    scan.forget()
    library._known = None
    comfyui_user.forget()


@pytest.fixture
def client() -> Client:
    return Client(SERVER_NAME="localhost")


@pytest.fixture
def admin(db: None, client: Client) -> Client:
    client.force_login(administrator())
    return client
