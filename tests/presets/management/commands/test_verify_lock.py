from __future__ import annotations

import json
from pathlib import Path

import pytest

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
