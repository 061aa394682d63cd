"""New models of a kind go where a person chose: a folder that ComfyUI reads, a real one, and nowhere beside it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from django.test import Client as Browser

from comfyui import folders
from comfyui.models import Report
from comfyui.poller import Poller
from downloads.file_records import ModelFile
from downloads.inventory import free_space, scan
from downloads.inventory.destinations import Destination, Destinations
from downloads.inventory.scan import models_index
from downloads.models import DownloadHistory
from downloads.queue import enqueue
from downloads.transfer import DiskSpace
from downloads.worker.drain import drain_queue
from extension_points import WantedFile
from presets.catalogue import catalogue
from presets.uninstall import uninstall
from settings_app import preferences
from tests.downloads.worker.test_installer import in_background
from tests.fakecomfy import FakeComfy
from tests.fakehub import FakeHub
from tests.presets.makers import preset, safetensors, write_catalogue

pytestmark = pytest.mark.django_db(transaction=True)
SIZE, GB = 300_000, 10**9


@pytest.fixture
def volume(comfy: FakeComfy, tmp_path: Path) -> Path:
    """Another disk's folder of LoRAs that ComfyUI reads too; its name is not that of its kind."""
    folder = tmp_path / "volume" / "Lora"
    folder.mkdir(parents=True)
    comfy.extra_folders = {"loras": [folder]}
    return folder


@pytest.fixture
def chosen(models: Path, volume: Path, watched: Poller) -> Path:
    watched.step()
    folders.accept([], {"loras": str(volume)})
    return volume


def install(hub: FakeHub, path: str = "loras/style.safetensors", seed: int = 1, force: bool = False) -> DownloadHistory:
    name = path.rpartition("/")[2]
    file = hub.add_file(f"org/repo{seed}", name, size=SIZE, seed=seed)
    row, _ = enqueue("A", "A", [WantedFile(path, file.url)], force=force)
    drain_queue()
    row.refresh_from_db()
    return row


def files_below(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_an_install_goes_to_the_chosen_folder_and_counts(hub: FakeHub, models: Path, chosen: Path) -> None:
    row = install(hub, "loras/sub/style.safetensors")
    assert (row.status, row.error_message) == ("completed", "")
    assert files_below(chosen) == ["sub/style.safetensors"]
    assert files_below(models) == []
    assert ModelFile.objects.get().path == "loras/sub/style.safetensors"
    assert models_index().find("loras/sub/style.safetensors") is not None
    assert install(hub, "loras/sub/style.safetensors").files.get().status == "skipped"


def test_other_kinds_go_to_the_models_folder(hub: FakeHub, models: Path, chosen: Path) -> None:
    install(hub, "vae/a.safetensors")
    assert (files_below(models), files_below(chosen)) == (["vae/a.safetensors"], [])


def test_what_is_in_the_models_folder_is_replaced_there(hub: FakeHub, models: Path, chosen: Path) -> None:
    (models / "loras").mkdir()
    (models / "loras/style.safetensors").write_bytes(safetensors())
    scan.forget()
    assert install(hub, force=True).status == "completed"
    assert (files_below(models), files_below(chosen)) == (["loras/style.safetensors"], [])
    assert (models / "loras/style.safetensors").stat().st_size == SIZE


def test_a_chosen_folder_that_is_away_is_not_made_anew(hub: FakeHub, models: Path, chosen: Path) -> None:
    chosen.rename(chosen.with_name("unmounted"))
    row = install(hub)
    assert (row.status, row.reason) == ("failed", "not_writable")
    assert f"{chosen}, the folder chosen for these models, is not there. Mount it" in row.error_message
    assert not chosen.exists()
    chosen.with_name("unmounted").rename(chosen)
    assert install(hub).status == "completed"


def test_a_link_in_place_of_the_chosen_folder_is_not_followed(hub: FakeHub, chosen: Path, tmp_path: Path) -> None:
    chosen.rmdir()
    (tmp_path / "elsewhere").mkdir()
    chosen.symlink_to(tmp_path / "elsewhere")
    assert install(hub).reason == "not_writable"
    assert files_below(tmp_path / "elsewhere") == []


def test_a_link_out_of_the_chosen_folder_is_not_followed(hub: FakeHub, chosen: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (chosen / "sub").symlink_to(tmp_path / "elsewhere")
    assert install(hub, "loras/sub/style.safetensors").reason == "forbidden_path"
    assert files_below(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("path", ["loras/../../x.safetensors", "loras//x.safetensors", "loras/.x.safetensors"])
def test_a_row_whose_path_leads_out_brings_nothing(hub: FakeHub, chosen: Path, path: str) -> None:
    file = hub.add_file("org/repo", "style.safetensors", size=SIZE)
    row, _ = enqueue("A", "A", [WantedFile("loras/style.safetensors", file.url)])
    row.files.update(path=path)  # the queue takes no such path; a row may have come from elsewhere
    drain_queue()
    row.refresh_from_db()
    assert (row.status, row.reason) == ("failed", "forbidden_path")
    assert files_below(chosen.parent) == []


def test_only_a_folder_that_was_offered_can_be_chosen(volume: Path, watched: Poller, tmp_path: Path) -> None:
    watched.step()
    for wanted in ({"loras": str(tmp_path)}, {"vae": str(volume)}, {"loras": "/etc"}, {"loras": ""}):
        folders.accept([], wanted)
        assert Destinations.now().chosen == {}


def test_a_link_is_offered_for_reading_only(comfy: FakeComfy, volume: Path, watched: Poller) -> None:
    link = volume.with_name("link")
    link.symlink_to(volume)
    comfy.extra_folders = {"loras": [link]}
    watched.step()
    assert [offer.can_take for offer in folders.read().offers() if offer.path == str(link)] == [False]
    folders.accept([], {"loras": str(link)})
    assert Destinations.now().chosen == {}


def test_a_folder_that_comfyui_reads_no_more_is_chosen_no_more(
    comfy: FakeComfy,
    chosen: Path,
    models: Path,
    watched: Poller,
) -> None:
    assert Destinations.now().of("loras/a.safetensors") == Destination(chosen, "a.safetensors")
    comfy.stop()
    watched.step()
    assert Destinations.now().chosen == {"loras": chosen}  # kept while ComfyUI is down
    comfy.extra_folders = {}
    comfy.restart()
    watched.step()
    assert Destinations.now().of("loras/a.safetensors") == Destination(models, "loras/a.safetensors")


def test_both_names_of_a_kind_go_there(comfy: FakeComfy, volume: Path, watched: Poller) -> None:
    comfy.extra_folders = {"diffusion_models": [volume]}
    watched.step()
    folders.accept([], {"diffusion_models": str(volume)})
    assert Destinations.now().of("unet/a.safetensors") == Destination(volume, "a.safetensors")


def test_the_choice_waits_for_what_has_begun(
    models: Path, volume: Path, watched: Poller, admin_browser: Browser
) -> None:
    watched.step()
    row, _ = enqueue("A", "Style pack", [WantedFile("loras/a.safetensors", "https://example.org/a.safetensors")])
    answer = admin_browser.post("/generate/folders/", {"into-loras": str(volume)}, follow=True).content.decode()
    assert "Style pack” is queued and brings loras/a.safetensors" in answer
    assert not Report.objects.filter(pk=Report.CHOSEN).exists()
    row.cancel()
    answer = admin_browser.post("/generate/folders/", {"into-loras": str(volume)}, follow=True).content.decode()
    assert f'<option value="{volume}" selected>' in answer
    assert Destinations.now().chosen == {"loras": volume}
    admin_browser.post("/generate/folders/", {"folder": str(volume), "into-loras": ""})
    assert (Destinations.now().chosen, folders.read().accepted) == ({}, [str(volume)])


def test_room_is_counted_on_the_volume_that_the_files_go_to(
    models: Path, comfy: FakeComfy, watched: Poller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir=another_volume(models)) as folder:
        comfy.extra_folders = {"loras": [Path(folder)]}
        watched.step()
        folders.accept([], {"loras": folder})
        free = {models: 100 * GB, Path(folder): 10 * GB}
        monkeypatch.setattr(free_space, "disk_space", lambda root, *_: DiskSpace(500 * GB, free[root], free[root]))
        preferences.store("disk_reserve", "2GB")
        style, vae = "loras/style.safetensors", "vae/a.safetensors"
        row, _ = enqueue("A", "A", [WantedFile(path, f"https://example.org/{path}") for path in (style, vae)])
        row.files.filter(path=style).update(bytes_total=9 * GB)
        row.files.filter(path=vae).update(bytes_total=50 * GB)
        assert free_space.still_to_fetch(row) == 59 * GB
        assert free_space.missing_space(row) == 1 * GB  # 9 and the reserve of 2 are to fit into 10


def another_volume(models: Path) -> str:
    volume = Path("/dev/shm")
    if not os.access(volume, os.W_OK) or volume.stat().st_dev == models.stat().st_dev:
        pytest.skip("This machine has no second volume: no /dev/shm, or everything lies there.")
    return str(volume)


def test_uninstalling_takes_it_away_again(hub: FakeHub, models: Path, chosen: Path) -> None:
    (chosen / "mine.safetensors").write_bytes(safetensors())
    write_catalogue({"A": preset({"path": "loras/style.safetensors", "url": "https://example.org/style.safetensors"})})
    install(hub)
    removed = uninstall([catalogue().presets["A"]])
    assert (removed.deleted, removed.kept) == (["loras/style.safetensors"], [])
    assert files_below(chosen) == ["mine.safetensors"]


def test_a_pause_keeps_the_bytes_and_a_cancel_takes_them_away(hub: FakeHub, models: Path, chosen: Path) -> None:
    file = hub.add_file("org/one", "big.safetensors", size=8_000_000)
    row, _ = enqueue("A", "A", [WantedFile("loras/big.safetensors", file.url)])
    gate = hub.gate(file, at_byte=4_000_000)
    worker = in_background(drain_queue)
    assert gate.reached.wait(20)
    DownloadHistory.objects.get(pk=row.pk).pause()
    worker.join(20)
    gate.open()
    row.refresh_from_db()
    assert row.status == "paused"
    assert row.bytes_done == row.files.get().bytes_done > 0
    assert {name.partition(".")[2] for name in files_below(chosen)} == {"safetensors.part", "safetensors.part.state"}
    row.cancel(keep_partial=False)
    drain_queue()
    assert files_below(chosen) == files_below(models) == []
