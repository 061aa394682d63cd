"""Deleting says first what will break, frees what it says, and never leaves the models folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from activity.models import Activity
from downloads.file_records import ModelFile
from downloads.inventory import scan
from downloads.models import DownloadFile
from downloads.transfer import TransferError
from library.delete import Needed, NotThere, delete_file, delete_files, delete_partial, plan
from tests.downloads.makers import make_install
from tests.library.makers import begun, installed, put
from tests.workflows.put import loader, put_workflow

pytestmark = pytest.mark.django_db

SHARED = "vae/shared.safetensors"
ALPHA = "checkpoints/alpha.safetensors"
BETA = "checkpoints/beta.safetensors"


def test_a_file_that_nobody_needs_goes_with_its_record_and_the_log_says_so(models: Path) -> None:
    installed("loras/a.safetensors", 5000)
    deleted = delete_file("loras/a.safetensors")
    assert (deleted.paths, deleted.bytes, deleted.refused) == (["loras/a.safetensors"], 5000, [])
    assert not (models / "loras/a.safetensors").exists()
    assert not ModelFile.objects.exists()
    entry = Activity.objects.get()
    assert (entry.type, entry.status, entry.title) == ("preset", "completed", "Deleted loras/a.safetensors")
    assert entry.details == {"paths": ["loras/a.safetensors"], "bytes": 5000}


def test_what_an_installed_preset_needs_stays_unless_forced(models: Path) -> None:
    installed(ALPHA)
    installed(SHARED)
    with pytest.raises(Needed, match="“Alpha”"):
        delete_file(SHARED)
    assert (models / SHARED).exists() and ModelFile.objects.count() == 2
    delete_file(SHARED, force=True)
    assert not (models / SHARED).exists()


def test_a_preset_that_is_only_partly_here_needs_nothing() -> None:
    installed(SHARED)
    assert delete_file(SHARED).paths == [SHARED]


def test_the_plan_names_everything_that_will_break() -> None:
    for path in (ALPHA, BETA, SHARED, "loras/free.safetensors"):
        installed(path, 1000)
    intended = plan([SHARED, "loras/free.safetensors", "loras/never.safetensors", SHARED])
    assert intended.breaks == ["Alpha", "Beta"]
    assert intended.bytes == 2000
    assert intended.missing == ("loras/never.safetensors",)


def test_what_a_workflow_of_the_user_selects_stays_unless_forced() -> None:
    put("loras/mine.safetensors")
    put_workflow("portrait.json", loader("mine.safetensors", "loras", type="LoraLoaderModelOnly"))
    assert plan(["loras/mine.safetensors"]).breaks == ["portrait"]
    with pytest.raises(Needed, match="“portrait”"):
        delete_file("loras/mine.safetensors")
    delete_file("loras/mine.safetensors", force=True)


@pytest.mark.parametrize("status", ["queued", "downloading", "paused", "waiting"])
def test_what_an_install_writes_is_not_deleted_even_by_force(status: str, models: Path) -> None:
    row = make_install(status)
    path = row.files.get().path
    put(path)
    with pytest.raises(Needed, match="Cancel that download first"):
        delete_file(path, force=True)
    assert delete_files([path]).refused == [plan([path]).candidates[0].refusal]
    assert (models / path).exists()


def test_an_install_writes_to_the_other_name_of_a_folder_too() -> None:
    row = make_install("queued", files=0)
    DownloadFile.objects.create(download=row, path="unet/a.safetensors", url="https://example.org/a.safetensors")
    put("diffusion_models/a.safetensors")
    with pytest.raises(Needed):
        delete_file("diffusion_models/a.safetensors", force=True)


@pytest.mark.parametrize(
    "path",
    [
        "../outside.safetensors",
        "loras/../../outside.safetensors",
        "/etc/passwd",
        "loras/../loras/a.safetensors",
        "loras//a.safetensors",
        "./loras/a.safetensors",
        "loras",
        "",
        "loras/a.safetensors\x00",
        "C:\\models\\a.safetensors",
        "LORAS/a.safetensors",
    ],
)
def test_only_a_path_that_was_found_can_be_deleted(path: str, models: Path) -> None:
    put("loras/a.safetensors")
    (models.parent / "outside.safetensors").write_bytes(b"mine")
    with pytest.raises(NotThere):
        delete_file(path, force=True)
    with pytest.raises(NotThere):
        delete_partial(path)
    assert (models / "loras/a.safetensors").exists() and (models.parent / "outside.safetensors").exists()


def test_a_link_goes_and_its_target_outside_stays(models: Path) -> None:
    target = put("big.safetensors", 5000, root=models.parent / "volume")
    (models / "loras").mkdir()
    (models / "loras/link.safetensors").symlink_to(target)
    scan.forget()
    deleted = delete_file("loras/link.safetensors")
    assert (deleted.bytes, target.exists(), (models / "loras/link.safetensors").is_symlink()) == (0, True, False)


def test_a_file_behind_a_folder_that_leads_outside_stays(models: Path) -> None:
    target = put("big.safetensors", 5000, root=models.parent / "volume")
    (models / "loras").symlink_to(target.parent)
    scan.forget()
    with pytest.raises(TransferError, match="leads out of"):
        delete_file("loras/big.safetensors", force=True)
    assert target.exists()


def test_a_folder_that_was_swapped_for_a_link_after_the_look_leads_nowhere(models: Path) -> None:
    put("loras/a.safetensors")
    outside = put("a.safetensors", root=models.parent / "volume")
    plan(["loras/a.safetensors"])  # the look at the disk, remembered
    (models / "loras").rename(models / "moved")
    (models / "loras").symlink_to(outside.parent)
    with pytest.raises(TransferError, match="leads out of"):
        delete_file("loras/a.safetensors")
    assert outside.exists()


def test_only_the_last_name_of_a_file_frees_its_bytes(models: Path) -> None:
    first = put("loras/a.safetensors", 5000)
    (models / "loras/b.safetensors").hardlink_to(first)
    scan.forget()
    assert plan(["loras/a.safetensors"]).bytes == 0
    both = plan(["loras/a.safetensors", "loras/b.safetensors"])
    assert (both.bytes, [line.words for line in both.lines]) == (5000, ["5.0 kB", "the same file"])
    assert [line.words for line in plan(["loras/b.safetensors"]).lines] == ["frees nothing: it has another name"]


def test_a_name_that_was_given_since_the_look_at_the_disk_counts(models: Path) -> None:
    first = put("loras/a.safetensors", 5000)
    assert plan(["loras/a.safetensors"]).bytes == 5000
    (models.parent / "outside.safetensors").hardlink_to(first)
    assert plan(["loras/a.safetensors"]).bytes == 0


def test_what_could_not_go_frees_nothing_for_its_other_name(models: Path) -> None:
    """The file in the swapped folder is refused, so the bytes stay, whichever name was listed first."""
    first = put("loras/a.safetensors", 5000)
    put("vae/b.safetensors").unlink()
    (models / "vae/b.safetensors").hardlink_to(first)
    scan.forget()
    plan(["loras/a.safetensors"])  # the look at the disk, remembered
    (models / "loras").rename(models.parent / "moved")
    (models / "loras").symlink_to(models.parent / "moved")
    deleted = delete_files(["loras/a.safetensors", "vae/b.safetensors"])
    assert (deleted.paths, deleted.bytes) == (["vae/b.safetensors"], 0)
    assert deleted.sentence == "1 file deleted, 0 B freed."


def test_one_file_that_cannot_go_does_not_keep_the_others(models: Path) -> None:
    target = put("big.safetensors", root=models.parent / "volume")
    (models / "vae").symlink_to(target.parent)
    put("loras/a.safetensors", 5000)
    deleted = delete_files(["vae/big.safetensors", "loras/a.safetensors", "loras/gone.safetensors"])
    assert (deleted.paths, deleted.bytes, len(deleted.refused)) == (["loras/a.safetensors"], 5000, 1)
    assert Activity.objects.get().title == "Deleted loras/a.safetensors"


def test_a_file_that_somebody_else_deleted_meanwhile_is_not_there(models: Path) -> None:
    file = put("loras/a.safetensors", 5000)
    plan(["loras/a.safetensors"])
    file.unlink()
    assert delete_files(["loras/a.safetensors"]).paths == []
    assert not Activity.objects.exists()


def test_what_was_begun_for_nobody_can_go() -> None:
    part = begun("loras/a.safetensors", 700)
    journal = part.with_name(part.name + ".state")
    journal.write_bytes(b"")
    delete_partial("loras/a.safetensors")
    assert not part.exists() and not journal.exists()
    assert Activity.objects.get().title == "Deleted the begun loras/a.safetensors"


def test_what_a_cancelled_install_left_can_go_what_a_paused_one_has_cannot() -> None:
    cancelled, paused = make_install("cancelled"), make_install("paused")
    parts = {row.status: begun(row.files.get().path) for row in (cancelled, paused)}
    delete_partial(cancelled.files.get().path)
    with pytest.raises(Needed, match="is paused and continues from these bytes"):
        delete_partial(paused.files.get().path)
    assert (parts["cancelled"].exists(), parts["paused"].exists()) == (False, True)


def test_a_partial_may_be_named_by_its_own_name() -> None:
    part = begun("loras/a.safetensors")
    delete_partial("loras/a.safetensors.part")
    assert not part.exists()


def test_a_partial_is_not_deleted_as_a_file() -> None:
    part = begun("loras/a.safetensors")
    for path in ("loras/a.safetensors", "loras/a.safetensors.part"):
        with pytest.raises(NotThere):
            delete_file(path, force=True)
    assert part.exists()


def test_deleting_lets_installs_that_wait_for_space_be_asked_again(django_capture_on_commit_callbacks) -> None:
    from huey.contrib.djhuey import HUEY

    put("loras/a.safetensors")
    HUEY.flush()
    with django_capture_on_commit_callbacks(execute=True):
        delete_file("loras/a.safetensors")
    assert [task.name for task in HUEY.pending()] == ["look_again_now"]
