"""What lies on the disk, seen once and counted once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from comfydash.pages.home import Disk, disk
from downloads.inventory import scan
from downloads.models import FileStatus
from library.overview import Folder, overview, partials, space
from library.picture import picture
from settings_app import preferences
from tests.downloads.makers import make_install
from tests.library.makers import begun, installed, put

pytestmark = pytest.mark.django_db


def unknown() -> set[str]:
    return {file.path for file in overview().files if file.is_unknown}


def disk_of_home() -> Disk:
    shown = disk()["disk"]
    assert isinstance(shown, Disk)
    return shown


def duplicates() -> set[str]:
    return {file.path for file in overview().files if file.has_duplicate}


def test_bytes_and_files_by_folder_largest_first() -> None:
    put("loras/a.safetensors", 300)
    put("checkpoints/b.safetensors", 5000)
    put("checkpoints/sub/c.safetensors", 1000)
    put("stray.safetensors", 200)
    assert overview().folders == (
        Folder("checkpoints", 6000, 2),
        Folder("loras", 300, 1),
        Folder("(top level)", 200, 1),
    )


def test_a_file_with_several_names_counts_once() -> None:
    original = put("checkpoints/a.safetensors", 5000)
    (original.parent / "hard.safetensors").hardlink_to(original)
    (original.parent / "soft.safetensors").symlink_to(original)
    scan.forget()
    assert overview().folders == (Folder("checkpoints", 5000, 3),)
    assert overview().bytes == 5000


def test_a_file_with_names_in_two_folders_counts_in_one_and_home_says_the_same() -> None:
    original = put("checkpoints/a.safetensors", 5000)
    other = put("loras/b.safetensors", 300).with_name("a.safetensors")
    other.hardlink_to(original)
    scan.forget()
    assert overview().folders == (Folder("checkpoints", 5000, 1), Folder("loras", 300, 2))
    assert disk_of_home().models == space().models == overview().bytes == 5300


def test_a_link_takes_nothing_and_its_target_counts_where_it_lies(tmp_path: Path) -> None:
    target = put("a.safetensors", 5000, root=tmp_path / "volume")
    link = put("loras/b.safetensors", 300).with_name("a.safetensors")
    link.symlink_to(target)
    scan.forget()
    assert overview().folders == (Folder("loras", 300, 2),)
    assert disk_of_home().models == 300


@pytest.mark.parametrize(
    ("other_names", "wasted"),
    [
        ([], 1000),
        (["loras/a2.safetensors"], 1000),
        (["../kept.safetensors"], 1000),
        (["../kept.safetensors", "../too.safetensors"], 0),
    ],
)
def test_duplicates_waste_what_deleting_really_frees(models: Path, other_names: list[str], wasted: int) -> None:
    """Two real files of one content. Names outside the models folder stay, and with them the bytes."""
    installed("loras/a.safetensors", seed="same")
    installed("loras/b.safetensors", seed="same")
    for name, of in zip(other_names, ("a", "b"), strict=False):
        (models / name).hardlink_to(models / f"loras/{of}.safetensors")
    scan.forget()
    assert overview().wasted == wasted


def test_an_alias_folder_hides_nothing() -> None:
    put("unet/a.safetensors", 1000)
    put("diffusion_models/a.safetensors", 2000)
    assert set(overview().by_path) == {"unet/a.safetensors", "diffusion_models/a.safetensors"}


def test_placeholders_of_comfyui_are_no_models(models: Path) -> None:
    put("loras/a.safetensors")
    (models / "loras" / "put_loras_here").touch()
    scan.forget()
    assert set(overview().by_path) == {"loras/a.safetensors"}


def test_unknown_is_what_neither_a_record_nor_a_preset_names() -> None:
    installed("loras/ours.safetensors")
    put("checkpoints/alpha.safetensors")  # a preset lists it
    put("loras/stranger.safetensors")
    assert unknown() == {"loras/stranger.safetensors"}


def test_a_record_of_another_size_vouches_for_nothing() -> None:
    installed("loras/a.safetensors", 1000)
    put("loras/a.safetensors", 2000)
    assert unknown() == {"loras/a.safetensors"}


def test_other_models_folders_are_shown_as_only_read(tmp_path: Path, settings) -> None:
    put("ckpt.safetensors", 700, root=tmp_path / "elsewhere")
    settings.EXTRA_MODEL_PATHS = str(tmp_path / "extra.yaml")
    Path(settings.EXTRA_MODEL_PATHS).write_text(f"comfy:\n  checkpoints: {tmp_path / 'elsewhere'}\n")
    put("loras/a.safetensors", 300)
    seen = overview()
    assert seen.folders == (
        Folder(str(tmp_path / "elsewhere"), 700, 1, elsewhere=True),
        Folder("loras", 300, 1),
    )
    assert (seen.bytes, set(seen.by_path)) == (300, {"loras/a.safetensors"})


def test_files_with_the_same_recorded_hash_are_twins() -> None:
    installed("loras/a.safetensors", seed="same")
    installed("loras/b.safetensors", seed="same")
    installed("loras/c.safetensors", seed="other")
    assert duplicates() == {"loras/a.safetensors", "loras/b.safetensors"}


def test_a_file_that_was_touched_since_is_nobodys_twin() -> None:
    """Other content of the same size is common: fine-tunes of one model."""
    installed("loras/a.safetensors", seed="same")
    installed("loras/b.safetensors", seed="same")
    os.utime(put("loras/b.safetensors", seed="new"), ns=(1, 1))
    scan.forget()
    assert duplicates() == set()


def test_links_to_one_file_are_no_twins() -> None:
    record = installed("loras/a.safetensors")
    file = put("loras/a.safetensors")
    os.utime(file, ns=(record.mtime_ns, record.mtime_ns))
    (file.parent / "b.safetensors").hardlink_to(file)
    scan.forget()
    assert duplicates() == set()


def test_unfinished_files_name_the_install_that_wanted_them() -> None:
    row = make_install("failed")
    file = row.files.get()
    file.bytes_total, file.status = 9000, FileStatus.PENDING
    file.save()
    begun(file.path)
    begun("loras/orphan.safetensors")
    found = {partial.path: (partial.total, partial.row, partial.may_continue) for partial in partials()}
    assert found == {file.path: (9000, row, True), "loras/orphan.safetensors": (None, None, False)}


def test_space_counts_what_the_queue_will_still_take(settings) -> None:
    for status, size in (("queued", 600), ("paused", 500), ("completed", 7000)):
        make_install(status).files.update(bytes_total=size)
    room = space()
    assert room.queued == 1100 == disk_of_home().reserved
    assert 0 < room.free <= room.total


def test_a_quota_bounds_the_picture() -> None:
    put("loras/a.safetensors", 4_000_000)
    preferences.store("disk_quota", "10MB")
    preferences.store("disk_reserve", "1MB")
    slices = {piece.kind: piece for piece in picture(space())}
    assert sum(piece.bytes for piece in slices.values()) == 10_000_000
    assert slices["folder"].bytes == 4_000_000
    assert slices["reserve"].bytes == 1_000_000
    assert slices["folder"].width == pytest.approx(400, abs=1)


def test_an_unchanged_disk_is_looked_at_with_two_queries() -> None:
    for number in range(20):
        installed(f"loras/{number}.safetensors")
    first = overview()
    counts = []
    for _ in range(3):  # settings are read anew once a second
        with CaptureQueriesContext(connection) as queries:
            assert overview() is first
        counts.append(len(queries))
    assert min(counts) == 2
