from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from presets import catalogue as listing
from presets import starter
from presets.catalogue import catalogue, wanted_files
from tests.presets.makers import HUB, file, preset, write_catalogue
from volumes.files import OLD

pytestmark = pytest.mark.django_db


def test_a_catalogue_that_stepped_aside_is_not_taken_for_none(settings: Any) -> None:
    """A refresh was killed on a volume that replaces no names."""
    file = Path(settings.PRESETS_FILE)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.with_name(f"{file.name}{OLD}").write_bytes(b"presets: {}")
    assert starter.read_or_create(file) == b"presets: {}"
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_file_where_the_folder_should_be_is_a_problem(settings: Any, workspace: Path) -> None:
    (workspace / "config").write_text("a file where the folder should be")
    settings.PRESETS_FILE = workspace / "config" / "presets.yaml"
    found = catalogue()
    assert "SDXL_BASE_V1" not in found.presets
    assert "cannot be read" in found.problems[0]


def test_a_change_of_the_file_is_seen_by_itself() -> None:
    path = write_catalogue({"OLD": preset()})
    old = catalogue()
    assert catalogue() is old
    path.write_bytes(path.read_bytes().replace(b"OLD", b"NEWER"))
    assert "NEWER" in catalogue().presets


def test_a_broken_file_leaves_the_templates_and_says_where_it_is_broken() -> None:
    path = write_catalogue({"A": preset()})
    path.write_text("presets:\n  A: [\n")
    listing.forget()
    found = catalogue()
    assert len(found.presets) > 250
    assert found.problems == (
        f"{path} cannot be used: Line 3, column 1: this is not YAML. "
        "Check the indentation, quotes and brackets here and in the line before. "
        "Repair it, or refresh the catalogue.",
    )


def test_a_folder_instead_of_the_file_is_a_problem_and_no_error(settings: Any) -> None:
    Path(settings.PRESETS_FILE).mkdir(parents=True)
    assert "cannot be read (Is a directory)" in catalogue().problems[0]


def test_problems_of_the_document_name_file_and_line() -> None:
    write_catalogue({"not an id": preset(), "A": preset()})
    (problem,) = catalogue().problems
    assert problem.startswith("presets.yaml, line 4: “not an id” cannot be an id")


def test_two_addresses_for_one_path_warn_on_both_presets() -> None:
    one = file("text_encoders/clip_l.safetensors", f"{HUB}/a/a/resolve/main/clip_l.safetensors")
    same = file("clip/clip_l.safetensors", f"{HUB}/a/a/blob/main/clip_l.safetensors?download=true")
    other = file("clip/clip_l.safetensors", f"{HUB}/b/b/resolve/main/clip_l.safetensors")
    write_catalogue({"ONE": preset(one), "SAME": preset(same), "OTHER": preset(other)})
    presets = catalogue().presets
    assert [len(presets[name].warnings) for name in ("ONE", "SAME", "OTHER")] == [1, 1, 1]
    assert presets["OTHER"].warnings[0].startswith("clip/clip_l.safetensors comes from another address in ONE, SAME.")
    assert (
        presets["ONE"].warnings[0].startswith("text_encoders/clip_l.safetensors comes from another address in OTHER.")
    )


def test_what_an_install_fetches_today() -> None:
    write_catalogue({"A": preset(file(size="2GB"), file("vae/b.pt", optional=True)), "BROKEN": preset(file("../x.pt"))})
    wanted = wanted_files("A")
    assert wanted is not None
    assert [(one.path, one.size, one.optional) for one in wanted] == [
        ("checkpoints/a.safetensors", 2_000_000_000, False),
        ("vae/b.pt", None, True),
    ]
    assert (wanted_files("GONE"), wanted_files("BROKEN")) == (None, None)
