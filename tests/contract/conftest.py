"""A machine of its own with a fake Hub, and somebody from outside who has only the API key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from downloads.inventory import scan
from presets import catalogue, templates_source
from settings_app import preferences
from tests.contract.caller import KEY, SHARED, A, B, Script
from tests.fakehub import FakeHub
from tests.presets.conftest import documents, run
from tests.presets.makers import file, preset, write_catalogue
from workflows import library

__all__ = ["documents", "run"]  # fixtures


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        yield hub


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, settings: Any, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty models folder, no token, no templates, a Hub on loopback."""
    settings.MODELS_DIR = tmp_path / "models"
    settings.DATA_DIR = tmp_path / "data"
    settings.PRESETS_FILE = tmp_path / "config" / "presets.yaml"
    settings.WORKFLOW_DIRS = [tmp_path / "workflows"]
    settings.EXTRA_MODEL_PATHS = settings.HF_TOKEN = ""
    settings.HF_ENDPOINT = hub.url
    settings.API_KEY = KEY
    for folder in (settings.MODELS_DIR, settings.DATA_DIR, settings.PRESETS_FILE.parent, *settings.WORKFLOW_DIRS):
        folder.mkdir()
    settings.PRESETS_FILE.write_text("metadata: {version: '1'}\npresets: {}\n")
    monkeypatch.setattr(templates_source, "MODULE", "no_such_package")
    _forget()
    yield tmp_path
    _forget()


@pytest.fixture
def two_presets(machine: Path) -> None:
    """P and Q, which have a file in common."""
    write_catalogue({"P": preset(file(A), file(SHARED), name="Pretty"), "Q": preset(file(B), file(SHARED))})


@pytest.fixture
def templates(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The official templates are installed."""
    monkeypatch.setattr(templates_source, "MODULE", "comfyui_workflow_templates_json")
    _forget()


@pytest.fixture
def script(db: None) -> Script:
    return Script()


def _forget() -> None:
    templates_source.templates.cache_clear()
    library._template_entries.cache_clear()
    library.forget()
    catalogue.forget()
    scan.forget()
    preferences.forget()
