from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from downloads.models import DownloadHistory
from tests.fakehub import FakeHub
from tests.presets.conftest import Run
from tests.presets.makers import file, preset, write_catalogue

pytestmark = pytest.mark.django_db(transaction=True)


SIZE = 200_000


@pytest.fixture
def models(hub: FakeHub, settings: Any) -> Path:
    """Two presets on the Hub, with a file in common."""
    one = hub.add_file("org/one", "one.safetensors", size=SIZE, seed=1)
    two = hub.add_file("org/two", "two.safetensors", size=SIZE, seed=2)
    write_catalogue(
        {
            "ONE": preset(file("checkpoints/one.safetensors", one.url, size="200kB"), name="One"),
            "BOTH": preset(
                file("checkpoints/one.safetensors", one.url), file("vae/two.safetensors", two.url), name="Both"
            ),
        }
    )
    folder: Path = settings.MODELS_DIR
    return folder


def test_a_lock_holds_content_to_its_hash(models: Path, hub: FakeHub, run: Run, workspace: Path) -> None:
    run("install_preset", "ONE", "--wait")
    lock = workspace / "lock.json"
    run("export_lock", "-o", str(lock))
    place = models / "checkpoints" / "one.safetensors"
    data = bytearray(place.read_bytes())
    data[-1] ^= 1
    place.write_bytes(data)
    ran = run("verify_lock", str(lock), "--json")
    assert (ran.status, [row["status"] for row in json.loads(ran.out)]) == (1, ["differs"])


def test_a_damaged_lock_is_a_sentence(run: Run, workspace: Path) -> None:
    lock = workspace / "lock.json"
    lock.write_text("[]")
    for command in ("apply_lock", "verify_lock"):
        ran = run(command, str(lock))
        assert (ran.status, ran.err) == (1, f"{lock}: It is no lock file of ComfyDash. Write one with export_lock.")
    assert run("apply_lock", str(workspace / "none.json")).status == 1
    assert DownloadHistory.objects.count() == 0
