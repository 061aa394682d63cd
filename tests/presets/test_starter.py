"""A new workspace starts with a catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from presets import starter
from presets.catalogue import catalogue
from presets.document import parse_document
from presets.starter import STARTER
from tests.presets.makers import preset, write_catalogue

pytestmark = pytest.mark.django_db


def test_a_new_workspace_gets_the_starter_file_and_the_templates(settings: Any) -> None:
    found = catalogue()
    assert Path(settings.PRESETS_FILE).read_bytes() == STARTER.read_bytes()
    assert found.problems == ()
    assert sum(preset.source == "templates" for preset in found.presets.values()) > 250
    assert found.presets["SDXL_BASE_V1"].source == "file"


def test_the_starter_file_has_no_faults() -> None:
    starter = parse_document(STARTER.read_bytes())
    assert starter.problems == ()
    assert {preset.id: preset.warnings for preset in starter.presets.values() if preset.warnings} == {}
    assert {preset.type for preset in starter.presets.values()} == {"image", "video", "audio"}
    assert all(file.size_guess for preset in starter.presets.values() for file in preset.files)
    assert len(starter.presets) >= 10


def test_a_workspace_that_cannot_be_written_still_shows_the_starter(settings: Any) -> None:
    settings.PRESETS_FILE = Path("/proc/no/such/presets.yaml")
    found = catalogue()
    assert "SDXL_BASE_V1" in found.presets
    assert found.problems == ()


def test_a_full_disk_leaves_no_half_starter(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "STARTER", Path("/proc/self/mem"))  # reading it fails after the file was opened
    with pytest.raises(OSError):
        starter.read_or_create(Path(settings.PRESETS_FILE))
    assert not Path(settings.PRESETS_FILE).exists()


def test_an_existing_file_is_left_alone(settings: Any) -> None:
    path = write_catalogue({"MINE": preset()})
    before = path.read_bytes()
    assert "MINE" in catalogue().presets
    assert path.read_bytes() == before
