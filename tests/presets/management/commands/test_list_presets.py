from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.test import Client

from settings_app.administrator import administrator
from tests.presets.conftest import Run
from tests.presets.makers import put_model
from tests.presets.management.commands.conftest import SIZE

pytestmark = pytest.mark.django_db(transaction=True)


def test_list_presets_prints_a_line_each(models: Path, run: Run) -> None:
    put_model("checkpoints/one.safetensors")
    ran = run("list_presets", "one", "--status", "installed")
    assert (ran.status, ran.err) == (0, "")
    assert [line.split() for line in ran.out.splitlines()] == [["ONE", "installed", "134", "B", "One"]]


def test_list_presets_as_json_is_what_the_api_shows(models: Path, run: Run) -> None:
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(administrator())
    rows = json.loads(run("list_presets", "--json").out)
    assert rows == client.get("/api/presets/").json()["presets"]
    available = json.loads(run("list_presets", "one", "--status", "available", "--json").out)
    assert ("ONE", "available", SIZE) in [(row["id"], row["status"], row["missing_bytes"]) for row in available]
