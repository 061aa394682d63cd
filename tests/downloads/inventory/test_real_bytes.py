"""What files take, and what becomes free when they are deleted: on real links of a real disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from downloads.inventory import scan
from downloads.inventory.real_bytes import as_it_is_now, bytes_freed, bytes_freed_by_each, bytes_taken
from downloads.inventory.scan import FoundFile

pytestmark = pytest.mark.django_db

SIZE = 1000


@pytest.fixture
def loras(tmp_path: Path, settings: Any) -> Path:
    settings.MODELS_DIR = tmp_path / "models"
    folder = tmp_path / "models" / "loras"
    folder.mkdir(parents=True)
    (folder / "alone.safetensors").write_bytes(b"a" * SIZE)
    (folder / "first.safetensors").write_bytes(b"b" * SIZE)
    os.link(folder / "first.safetensors", folder / "second.safetensors")
    (folder / "link.safetensors").symlink_to("alone.safetensors")
    scan.forget()
    return folder


def found(*names: str) -> list[FoundFile]:
    by_name = {file.name.removesuffix(".safetensors"): file for file in scan.models_index().files.values()}
    return [by_name[name] for name in names]


@pytest.mark.usefixtures("loras")
def test_bytes_with_two_names_are_taken_once_and_those_of_a_link_not_at_all() -> None:
    assert bytes_taken(found("alone", "first", "second", "link")) == 2 * SIZE


@pytest.mark.usefixtures("loras")
@pytest.mark.parametrize(
    ("names", "freed"),
    [
        (["alone"], SIZE),
        (["first"], 0),
        (["first", "second"], SIZE),
        (["link"], 0),
        (["alone", "link", "second"], SIZE),
        ([], 0),
    ],
)
def test_bytes_become_free_with_their_last_name(names: list[str], freed: int) -> None:
    assert bytes_freed(found(*names)) == freed


@pytest.mark.usefixtures("loras")
def test_in_a_list_they_stand_at_one_of_the_names() -> None:
    assert bytes_freed_by_each(found("first", "alone", "second")) == [SIZE, SIZE, 0]


def test_a_name_in_another_folder_keeps_the_bytes(loras: Path, tmp_path: Path) -> None:
    (alone,) = found("alone")
    os.link(alone.file, tmp_path / "elsewhere.safetensors")
    assert bytes_freed([as_it_is_now(alone)]) == 0


def test_what_is_gone_since_frees_nothing(loras: Path) -> None:
    (alone,) = found("alone")
    alone.file.unlink()
    assert bytes_freed([as_it_is_now(alone)]) == 0
