"""Folders of the models folder that are links to a volume: followed for writing where a person declared them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from downloads.inventory import scan
from downloads.models import DownloadHistory
from downloads.queue import enqueue
from downloads.worker.drain import drain_queue
from extension_points import WantedFile
from library.delete import delete_file, delete_partial
from library.overview import overview, partials
from presets.catalogue import catalogue
from presets.states import preset_states
from presets.uninstall import uninstall
from tests.fakehub import FakeHub
from tests.presets.makers import file, preset, write_catalogue

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = 300_000
PATH = "checkpoints/a.safetensors"


@pytest.fixture
def hub(settings: Any) -> Any:
    with FakeHub() as hub:
        settings.HF_ENDPOINT, settings.HF_TOKEN = hub.url, ""
        yield hub


@pytest.fixture
def volume(tmp_path: Path, settings: Any) -> Path:
    """Where ``checkpoints`` of the models folder leads to."""
    folder = tmp_path / "volume" / "ckpts"
    folder.mkdir(parents=True)
    (settings.MODELS_DIR / "checkpoints").symlink_to(folder)
    scan.forget()
    return folder


@pytest.fixture
def declared(volume: Path, tmp_path: Path, settings: Any) -> Path:
    settings.EXTRA_MODEL_PATHS = str(tmp_path / "extra_model_paths.yaml")
    section = {"base_path": str(volume.parent), "checkpoints": "ckpts"}
    Path(settings.EXTRA_MODEL_PATHS).write_text(yaml.safe_dump({"pod": section}))
    scan.forget()
    return volume


def install(hub: FakeHub) -> DownloadHistory:
    made = hub.add_file("org/a", "a.safetensors", size=SIZE)
    write_catalogue({"A": preset(file(PATH, made.url))})
    row, _ = enqueue("A", "A", [WantedFile(PATH, made.url)])
    drain_queue()
    row.refresh_from_db()
    return row


def test_a_link_that_nobody_declared_is_not_followed(hub: FakeHub, volume: Path) -> None:
    row = install(hub)
    assert (row.status, row.reason) == ("failed", "forbidden_path")
    assert "COMFYDASH_EXTRA_MODEL_PATHS" in row.error_message
    assert list(volume.iterdir()) == []


def test_a_declared_one_is_where_the_file_goes_counts_and_goes_again(hub: FakeHub, declared: Path) -> None:
    row = install(hub)
    assert (row.status, row.error_message) == ("completed", "")
    assert [found.name for found in declared.iterdir()] == ["a.safetensors"]
    one = catalogue().presets["A"]
    assert preset_states([one])["A"].installed
    assert [stored.path for stored in overview().files if stored.is_ours] == [PATH]

    assert uninstall([one]).deleted == [PATH]
    assert list(declared.iterdir()) == []


def test_storage_deletes_there(hub: FakeHub, declared: Path) -> None:
    install(hub)
    assert delete_file(PATH, force=True).bytes == SIZE
    assert list(declared.iterdir()) == []


def test_what_was_begun_there_is_shown_and_thrown_away(hub: FakeHub, declared: Path) -> None:
    hub.fault("a.safetensors", origin="cdn", times=1, drop_after=SIZE // 2)
    hub.fault("a.safetensors", origin="cdn", status=500)
    assert install(hub).status == "failed"
    scan.forget()
    assert [begun.path for begun in partials()] == [PATH]
    delete_partial(PATH)
    assert list(declared.iterdir()) == []


def test_a_declared_folder_behind_another_link_changes_nothing(hub: FakeHub, declared: Path, settings: Any) -> None:
    elsewhere = declared.parent / "elsewhere"
    elsewhere.mkdir()
    (settings.MODELS_DIR / "checkpoints").unlink()
    (settings.MODELS_DIR / "checkpoints").symlink_to(elsewhere)
    assert install(hub).reason == "forbidden_path"
    assert (list(elsewhere.iterdir()), list(declared.iterdir())) == ([], [])
