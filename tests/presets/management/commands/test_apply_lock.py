from __future__ import annotations

import json
from pathlib import Path

import pytest

from downloads.models import DownloadHistory
from tests.fakehub import FakeHub
from tests.presets.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)


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
