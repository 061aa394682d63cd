from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from activity.models import Activity
from downloads.file_records import ModelFile, RemoteFile
from downloads.models import Status
from downloads.transfer import TransferError
from presets.catalogue import catalogue
from presets.uninstall import StillActive, plan_uninstall, uninstall
from tests.downloads.makers import make_install
from tests.presets.makers import file, preset, put_model, safetensors, write_catalogue

pytestmark = pytest.mark.django_db

A, B, SHARED = "checkpoints/a.safetensors", "vae/b.safetensors", "text_encoders/shared.safetensors"
SIZE = len(safetensors())


def presets(*names: str) -> list[Any]:
    return [catalogue().presets[name] for name in names]


@pytest.fixture
def two(settings: Any) -> Path:
    """Two installed presets with a file in common."""
    write_catalogue(
        {"P": preset(file(A), file(SHARED), name="Pretty"), "Q": preset(file(B), file(SHARED), name="Quick")}
    )
    for path in (A, B, SHARED):
        put_model(path)
    ModelFile.objects.create(path=A, size=SIZE, mtime_ns=0)
    models: Path = settings.MODELS_DIR
    return models


def test_its_own_files_go_and_what_others_need_stays(two: Path) -> None:
    plan = plan_uninstall(presets("P"))
    assert (plan.delete, plan.keep, plan.bytes) == ([A], {SHARED: ["Quick"]}, SIZE)
    removed = uninstall(presets("P"))
    assert (removed.deleted, removed.kept) == ([A], [SHARED])
    assert removed.sentence == f"Pretty: 1 file deleted, {SIZE} B freed; 1 kept."
    assert [(two / path).exists() for path in (A, SHARED, B)] == [False, True, True]
    assert ModelFile.objects.count() == 0
    assert Activity.objects.get().title == "Uninstalled Pretty"


def test_it_promises_and_tells_the_bytes_that_really_become_free(two: Path) -> None:
    whole = plan_uninstall(presets("P")).bytes
    (two.parent / "kept.safetensors").hardlink_to(two / A)
    assert plan_uninstall(presets("P")).bytes == 0 < whole
    assert uninstall(presets("P")).bytes == 0


def test_both_together_leave_nothing(two: Path) -> None:
    assert sorted(uninstall(presets("P", "Q")).deleted) == sorted([A, B, SHARED])
    assert [path for path in two.rglob("*") if path.is_file()] == []


def test_what_a_queued_preset_needs_stays(two: Path) -> None:
    (two / B).unlink()
    put_model("nothing.txt", b"x")  # makes the index look again
    make_install(Status.QUEUED, preset_id="Q")
    assert plan_uninstall(presets("P")).keep == {SHARED: ["Quick"]}


def test_a_preset_that_is_being_installed_is_refused(two: Path) -> None:
    make_install(Status.PAUSED, preset_id="P", title="Pretty")
    with pytest.raises(StillActive, match="“Pretty” is paused"):
        uninstall(presets("P"))
    assert (two / A).exists()


def test_a_begun_file_goes_with_its_state(two: Path) -> None:
    write_catalogue({"P": preset(file("vae/begun.safetensors"))})
    part = put_model("vae/begun.safetensors.part", b"half")
    plan = plan_uninstall(presets("P"))
    assert plan.partials == ["vae/begun.safetensors"]
    uninstall(presets("P"))
    assert not part.exists()


def test_other_content_than_this_presets_stays(two: Path) -> None:
    ModelFile.objects.update(sha256="1" * 64)
    RemoteFile.objects.create(url=file(A)["url"], sha256="2" * 64)
    assert A in plan_uninstall(presets("P")).keep


def test_a_file_of_another_models_folder_stays(two: Path, settings: Any, workspace: Path) -> None:
    elsewhere = workspace / "elsewhere" / "vae"
    elsewhere.mkdir(parents=True)
    (elsewhere / "x.safetensors").write_bytes(safetensors())
    settings.EXTRA_MODEL_PATHS = str(workspace / "extra.yaml")
    (workspace / "extra.yaml").write_text(f"mine:\n  vae: {elsewhere}\n")
    write_catalogue({"P": preset(file("vae/x.safetensors"))})
    assert uninstall(presets("P")).kept == ["vae/x.safetensors"]
    assert (elsewhere / "x.safetensors").exists()


def test_the_folders_other_name_is_the_same_file(two: Path) -> None:
    write_catalogue({"P": preset(file("unet/m.safetensors"))})
    place = put_model("diffusion_models/m.safetensors")
    ModelFile.objects.create(path="unet/m.safetensors", size=SIZE, mtime_ns=0)
    uninstall(presets("P"))
    assert not place.exists()
    assert not ModelFile.objects.filter(path="unet/m.safetensors").exists()


def test_a_folder_that_leads_out_is_not_followed(two: Path, workspace: Path) -> None:
    outside = workspace / "outside"
    outside.mkdir()
    (outside / "y.safetensors").write_bytes(safetensors())
    (two / "loras").symlink_to(outside)
    write_catalogue({"P": preset(file("loras/y.safetensors"))})
    with pytest.raises(TransferError):
        uninstall(presets("P"))
    assert (outside / "y.safetensors").exists()
