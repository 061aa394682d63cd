from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from downloads.file_records import ModelFile, RemoteFile
from tests.fakehub import FakeHub
from tests.presets.conftest import Run
from tests.presets.makers import put_model

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_lock_moves_a_set_of_models_to_another_machine(
    models: Path, hub: FakeHub, run: Run, workspace: Path, settings: Any
) -> None:
    run("install_preset", "BOTH", "--wait")
    lock = workspace / "my models.json"
    assert run("export_lock", "-o", str(lock)).out == f"2 files written to {lock}\n"
    written = json.loads(lock.read_text())
    commit = RemoteFile.objects.values_list("commit", flat=True).distinct().get()
    assert [entry["path"] for entry in written["files"]] == ["checkpoints/one.safetensors", "vae/two.safetensors"]
    assert all(f"/resolve/{commit}/" in entry["url"] for entry in written["files"])
    assert run("verify_lock", str(lock)).status == 0

    settings.MODELS_DIR = workspace / "other machine"
    settings.MODELS_DIR.mkdir()
    ModelFile.objects.all().delete()
    assert run("verify_lock", str(lock)).status == 1
    ran = run("apply_lock", str(lock), "--wait")
    assert ran.status == 0
    assert ran.out.startswith("lock:my-models-")
    verified = run("verify_lock", str(lock))
    assert (verified.status, verified.out.splitlines()[-1]) == (0, "2 of 2 files are exactly as the lock says")


def test_a_lock_of_one_preset_on_standard_output(models: Path, run: Run) -> None:
    run("install_preset", "BOTH", "--wait")
    ran = run("export_lock", "ONE")
    assert [entry["path"] for entry in json.loads(ran.out)["files"]] == ["checkpoints/one.safetensors"]


def test_what_has_no_record_is_left_out_and_named(models: Path, run: Run) -> None:
    put_model("loras/mine.safetensors")
    ran = run("export_lock")
    assert ran.status == 1
    assert "Left out: loras/mine.safetensors" in ran.err
