"""Fix it: link or move what lies elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from activity.models import Activity
from downloads.file_records import ModelFile
from downloads.inventory import scan
from tests.workflows.put import judged, loader, put_model, safetensors
from workflows.fix import CannotFix, fix

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]


@pytest.mark.parametrize("on_disk", ["loras/a.safetensors", "checkpoints/sub/a.safetensors"])
def test_a_link_makes_it_ready_and_takes_no_space(workspace: Path, on_disk: str) -> None:
    place = put_model(on_disk)

    assert fix(judged(loader())) == ["checkpoints/a.safetensors"]

    linked = workspace / "models" / "checkpoints" / "a.safetensors"
    assert linked.samefile(place)
    assert judged(loader()).ready
    assert Activity.objects.get().title == f"Linked {on_disk}"


def test_moving_leaves_nothing_behind_and_keeps_what_is_known_of_the_bytes(workspace: Path) -> None:
    place = put_model("loras/a.safetensors")
    size = place.stat().st_size
    ModelFile.objects.create(path="loras/a.safetensors", size=size, mtime_ns=1, sha256="ab" * 32)

    assert fix(judged(loader()), "move") == ["checkpoints/a.safetensors"]

    assert not place.exists()
    assert [(record.path, record.sha256) for record in ModelFile.objects.all()] == [
        ("checkpoints/a.safetensors", "ab" * 32)
    ]
    assert judged(loader()).ready


def test_a_link_has_the_same_record_as_its_source() -> None:
    size = put_model("loras/a.safetensors").stat().st_size
    ModelFile.objects.create(path="loras/a.safetensors", size=size, mtime_ns=1, sha256="ab" * 32)
    fix(judged(loader()))
    assert {(record.path, record.sha256) for record in ModelFile.objects.all()} == {
        ("loras/a.safetensors", "ab" * 32),
        ("checkpoints/a.safetensors", "ab" * 32),
    }


def test_only_the_named_one_is_fixed() -> None:
    put_model("loras/a.safetensors")
    put_model("loras/b.safetensors")
    found = judged(loader("a.safetensors"), loader("b.safetensors", id=2))
    assert fix(found, only="checkpoints/b.safetensors") == ["checkpoints/b.safetensors"]
    assert [state.status for state in judged(loader("a.safetensors"), loader("b.safetensors", id=2)).states] == [
        "wrong_folder",
        "installed",
    ]


def test_a_file_outside_the_models_folder_stays_where_its_owner_put_it(workspace: Path, settings: Any) -> None:
    (workspace / "other").mkdir()
    (workspace / "other" / "a.safetensors").write_bytes(safetensors())
    extra = workspace / "extra_model_paths.yaml"
    extra.write_text(f"mine:\n  loras: {workspace}/other\n")
    settings.EXTRA_MODEL_PATHS = str(extra)
    scan.forget()

    with pytest.raises(CannotFix, match="lies outside the models folder"):
        fix(judged(loader()))

    assert not (workspace / "models" / "checkpoints").exists()


def test_another_subfolder_of_an_extra_folder_is_linked_there(workspace: Path, settings: Any) -> None:
    (workspace / "other" / "sub").mkdir(parents=True)
    (workspace / "other" / "sub" / "a.safetensors").write_bytes(safetensors())
    extra = workspace / "extra_model_paths.yaml"
    extra.write_text(f"mine:\n  checkpoints: {workspace}/other\n")
    settings.EXTRA_MODEL_PATHS = str(extra)
    scan.forget()
    assert fix(judged(loader())) == ["checkpoints/a.safetensors"]
    assert (workspace / "other" / "a.safetensors").exists()


def test_what_is_in_the_way_is_never_replaced(workspace: Path) -> None:
    put_model("loras/a.safetensors")
    in_the_way = put_model("checkpoints/a.safetensors", b"")
    found = judged(loader())
    assert found.verdict == "fixable"
    with pytest.raises(CannotFix, match="in the way"):
        fix(found)
    assert in_the_way.read_bytes() == b""


def test_a_ready_workflow_needs_no_fix() -> None:
    put_model("checkpoints/a.safetensors")
    assert fix(judged(loader())) == []
