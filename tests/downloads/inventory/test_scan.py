"""One scan that everybody asks: what it sees, what it remembers, and when it looks again."""

import os
from pathlib import Path

import pytest

from downloads.inventory import scan

pytestmark = pytest.mark.django_db  # ComfyUI's accepted folders are read from their row


@pytest.fixture
def models(tmp_path: Path, settings) -> Path:
    settings.MODELS_DIR = tmp_path / "models"
    settings.EXTRA_MODEL_PATHS = ""
    scan.forget()
    return tmp_path / "models"


def put(file: Path, data: bytes = b"weights", age: int = 60) -> Path:
    """Write a file in a folder that has been quiet for ``age`` seconds, so that the folder need not be read again."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    moment = file.stat().st_mtime - age
    for place in (file, file.parent, file.parent.parent):
        os.utime(place, (moment, moment))
    return file


def look_again() -> scan.ModelsIndex:
    """As if the answer had become older than MAX_AGE, with the folders as they were remembered."""
    scan._contents.forget()
    return scan.models_index()


def test_the_same_index_while_nothing_changes_and_a_new_one_when_something_does(models: Path) -> None:
    put(models / "loras" / "a.safetensors")
    first = scan.models_index()
    assert look_again() is first
    put(models / "loras" / "b.safetensors", age=30)
    second = look_again()
    assert (set(first.files), set(second.files)) == (
        {"loras/a.safetensors"},
        {"loras/a.safetensors", "loras/b.safetensors"},
    )


def test_links_to_one_file_share_its_identity(models: Path) -> None:
    original = put(models / "loras" / "a.safetensors")
    (models / "loras" / "hard.safetensors").hardlink_to(original)
    (models / "loras" / "soft.safetensors").symlink_to(original)
    files = scan.models_index().files
    assert len({found.identity for found in files.values()}) == 1
    assert [found.name for found in files.values() if found.is_link] == ["soft.safetensors"]


def test_folders_that_link_to_each_other_end(models: Path) -> None:
    put(models / "loras" / "a.safetensors")
    (models / "loras" / "round").symlink_to(models / "loras")
    assert "loras/a.safetensors" in scan.models_index().files


def test_partials_stand_under_the_name_they_will_have(models: Path) -> None:
    put(models / "unet" / "a.safetensors.part")
    put(models / "unet" / "a.safetensors.part.state", b"{}")
    index = scan.models_index()
    assert (list(index.partials), list(index.files)) == (["diffusion_models/a.safetensors"], [])


def test_no_models_folder_is_an_empty_index(models: Path) -> None:
    assert scan.models_index().files == {}
