from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management.base import OutputWrapper
from django.utils import timezone

from activity.models import Activity
from downloads.file_records import ModelFile
from downloads.models import DownloadHistory
from presets.follow import Report, watch
from tests.fakehub import FakeHub
from tests.presets.conftest import Run
from tests.presets.makers import put_model

pytestmark = pytest.mark.django_db(transaction=True)


def quiet() -> Report:
    return Report(OutputWrapper(io.StringIO()), quiet=True)


def test_verify_models_finds_what_broke_and_repairs_only_that(models: Path, hub: FakeHub, run: Run) -> None:
    run("install_preset", "BOTH", "--wait")
    assert run("verify_models").out.splitlines()[-1] == "2 files: 2 ok"
    broken = models / "vae" / "two.safetensors"
    right = broken.read_bytes()
    broken.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    ran = run("verify_models")
    assert (ran.status, ran.out.splitlines()[-1]) == (1, "2 files: 1 differs, 1 ok")

    sent = hub.sent("one.safetensors")
    ran = run("verify_models", "--repair")
    assert ran.status == 0
    row = DownloadHistory.objects.active().get()
    assert (row.title, row.force, [one.path for one in row.files.all()]) == (
        "Repair of 1 file",
        True,
        ["vae/two.safetensors"],
    )
    watch([row], quiet())
    assert broken.read_bytes() == right
    assert hub.sent("one.safetensors") == sent
    assert run("verify_models").status == 0


def test_a_repair_asked_for_twice_is_one_install_and_another_repair_is_another(
    models: Path, hub: FakeHub, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("install_preset", "BOTH", "--wait")
    for path in ("vae/two.safetensors", "checkpoints/one.safetensors"):
        broken = models / path
        right = broken.read_bytes()
        for seconds in (0, 5):
            broken.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
            moment = timezone.now() + timedelta(seconds=seconds)
            with monkeypatch.context() as clock:
                clock.setattr(timezone, "now", lambda moment=moment: moment)
                assert run("verify_models", "--repair").status == 0
        broken.write_bytes(right)
    repaired = [sorted(file.path for file in row.files.all()) for row in DownloadHistory.objects.active()]
    assert sorted(repaired) == [["checkpoints/one.safetensors"], ["vae/two.safetensors"]]


def test_verify_models_vouches_for_what_others_put_there(models: Path, hub: FakeHub, run: Run) -> None:
    run("install_preset", "ONE", "--wait")
    ModelFile.objects.all().delete()
    ran = run("verify_models", "--json")
    assert [row["status"] for row in json.loads(ran.out)] == ["ok"]
    assert ModelFile.objects.get().path == "checkpoints/one.safetensors"


def test_verify_models_says_what_nobody_can_know(models: Path, run: Run) -> None:
    put_model("checkpoints/one.safetensors")
    ran = run("verify_models")
    assert (ran.status, ran.out.splitlines()[-1]) == (0, "1 file: 1 unknown")
    assert ModelFile.objects.count() == 0


def test_a_broken_file_of_unknown_origin_cannot_be_repaired(models: Path, run: Run) -> None:
    place = put_model("checkpoints/mine.safetensors", b"\x00" * 100)
    ModelFile.objects.create(path="checkpoints/mine.safetensors", size=place.stat().st_size, mtime_ns=0)
    ran = run("verify_models", "--repair")
    assert ran.status == 1
    assert "cannot be repaired" in ran.err
    assert Activity.objects.count() == 0
