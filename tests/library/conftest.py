"""A models folder of its own for each test, a catalogue of two presets, and a browser that is logged in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from downloads.inventory import scan
from presets import catalogue
from settings_app import preferences
from settings_app.administrator import administrator
from tests.library.makers import CATALOGUE
from workflows import library


@pytest.fixture(autouse=True)
def models(tmp_path: Path, settings: Any) -> Iterator[Path]:
    settings.MODELS_DIR = tmp_path / "models"
    settings.EXTRA_MODEL_PATHS = ""
    settings.PRESETS_FILE = tmp_path / "presets.yaml"
    settings.PRESETS_FILE.write_text(CATALOGUE)
    settings.WORKFLOW_DIRS = [tmp_path / "workflows"]
    for folder in (settings.MODELS_DIR, *settings.WORKFLOW_DIRS):
        folder.mkdir()
    _forget()
    yield tmp_path / "models"
    _forget()


def _forget() -> None:
    scan.forget()
    catalogue.forget()
    library.forget()
    preferences.forget()


@pytest.fixture
def owner(db: None) -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(administrator())
    return client
