"""Whether ComfyUI lists what was installed, and what is said when it does not."""

from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from activity.models import Activity
from comfyui import after_install, folders
from comfyui.models import Report
from comfyui.poller import Poller
from downloads.models import DownloadFile, DownloadHistory, FileStatus, Status
from tests.fakecomfy import FakeComfy
from tests.presets.makers import put_model
from tests.workflows.conftest import workspace  # noqa: F401 - a fixture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]


def installed(*paths: str) -> None:
    """A finished install of files that lie in the models folder."""
    row = DownloadHistory.objects.create(preset_id="A", title="A", status=Status.COMPLETED, completed_at=timezone.now())
    for path in paths:
        put_model(path)
        DownloadFile.objects.create(download=row, path=path, url="https://example.org/x", status=FileStatus.COMPLETED)


def warnings() -> list[str]:
    return list(Activity.objects.filter(status="warning").values_list("title", flat=True))


def test_a_file_that_comfyui_lists_says_nothing(comfy: FakeComfy, watched: Poller) -> None:
    settings.MODELS_DIR = comfy.root / "models"
    watched.step()
    installed("checkpoints/sub/a.safetensors")
    watched._looked_at = 0
    watched.step()
    assert comfy.asked("/models/checkpoints")
    assert warnings() == []


def test_a_file_that_it_does_not_list_is_warned_of_once_with_the_folder(comfy: FakeComfy, watched: Poller) -> None:
    watched.step()
    installed("checkpoints/a.safetensors", "unet/b.safetensors", "strange/c.safetensors")
    for _ in range(3):
        watched._looked_at = 0
        watched.step()
    assert sorted(warnings()) == [f"ComfyUI does not list {name}.safetensors" for name in "abc"]
    entry = Activity.objects.get(title__contains="a.safetensors")
    assert f"ComfyUI reads {comfy.root / 'models' / 'checkpoints'}" in entry.subtitle
    assert "no folder for strange" in Activity.objects.get(title__contains="c.safetensors").subtitle


@pytest.fixture
def gguf(comfy: FakeComfy) -> FakeComfy:
    """ComfyUI with the pack that registers a kind of its own over the folder of another, for files of its own."""
    comfy.extra_folders = {"unet_gguf": [comfy.root / "models" / "diffusion_models"]}
    comfy.extra_suffixes = {"unet_gguf": {".gguf"}}
    return comfy


@pytest.mark.usefixtures("gguf")
def test_a_kind_that_a_pack_lays_over_the_folder_lists_the_file(comfy: FakeComfy, watched: Poller) -> None:
    settings.MODELS_DIR = comfy.root / "models"
    watched.step()
    installed("diffusion_models/q4.gguf", "unet/a.safetensors")
    (comfy.root / "models/diffusion_models/a.safetensors").touch()
    watched._looked_at = 0
    watched.step()
    assert comfy.asked("/models/unet_gguf")
    assert warnings() == []


def test_an_ending_that_no_pack_reads_is_the_reason(comfy: FakeComfy, watched: Poller) -> None:
    settings.MODELS_DIR = comfy.root / "models"
    watched.step()
    installed("diffusion_models/q4.gguf")
    watched._looked_at = 0
    watched.step()
    assert "ComfyUI lists no .gguf files of this kind" in Activity.objects.get(status="warning").subtitle


def test_what_is_no_model_is_in_no_list_and_not_missed(comfy: FakeComfy, watched: Poller) -> None:
    settings.MODELS_DIR = comfy.root / "models"
    watched.step()
    installed("text_encoders/t5/tokenizer.json", "text_encoders/t5/a.safetensors")
    watched._looked_at = 0
    watched.step()
    assert warnings() == []


@pytest.mark.parametrize(
    ("kind", "suffixes"),
    [("checkpoints", folders.SUFFIXES), ("notes", None), ("diffusion_models", folders.SUFFIXES | {".gguf"})],
)
def test_reported_endings_are_used(
    gguf: FakeComfy, tmp_path: Path, watched: Poller, kind: str, suffixes: frozenset[str] | None
) -> None:
    gguf.extra_folders["notes"] = [tmp_path]  # a kind that only extra_model_paths.yaml names
    watched.step()
    assert folders.read().listed_suffixes(kind) == suffixes


def test_older_versions_report_no_endings_and_list_the_usual_ones(older: FakeComfy, watched_older: Poller) -> None:
    watched_older.step()
    assert folders.read().listed_suffixes("checkpoints") == folders.SUFFIXES


def test_an_install_while_it_was_down_is_looked_for_later(comfy: FakeComfy, watched: Poller) -> None:
    watched.step()
    comfy.stop()
    watched.step()
    installed("checkpoints/a.safetensors")
    watched.step()
    assert warnings() == []
    comfy.start()
    watched.step()
    assert warnings() == ["ComfyUI does not list a.safetensors"]


def test_a_folder_that_broke_over_there_is_no_reason_to_warn(comfy: FakeComfy, watched: Poller) -> None:
    watched.step()
    installed("checkpoints/a.safetensors")
    comfy.fixed["/models/checkpoints"] = (500, b"")
    watched._looked_at = 0
    watched.step()
    assert warnings() == []


def test_the_past_is_not_looked_for(comfy: FakeComfy, watched: Poller) -> None:
    installed("checkpoints/a.safetensors")
    watched.step()
    assert warnings() == []
    assert Report.objects.filter(pk=Report.FOLDERS).exists()
    assert after_install.not_listed(watched._client, []) == []  # type: ignore[arg-type]
