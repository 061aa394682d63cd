from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from downloads.models import DownloadFile
from tests.fakehub import FakeHub
from tests.workflows.make import entry, node
from tests.workflows.management.commands.conftest import run
from tests.workflows.put import loader, put_workflow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]


def test_a_workflow_is_queued_by_path_or_by_id(workspace: Path) -> None:
    file = put_workflow("a.json", loader("a.safetensors"))
    put_workflow("b.json", loader("b.safetensors"))
    assert run("install_workflow", str(file), "local:b.json") == (
        "a: 1 file queued.\nb: 1 file queued, after 1 other.\n"
    )
    assert [f.path for f in DownloadFile.objects.order_by("pk")] == [
        "checkpoints/a.safetensors",
        "checkpoints/b.safetensors",
    ]


def test_what_cannot_be_queued_is_said_and_the_rest_is_queued(workspace: Path) -> None:
    stranger = node(models=[entry("a.safetensors", url="https://stranger.example/a.safetensors")])
    put_workflow("stranger.json", stranger)
    put_workflow("good.json")
    out = StringIO()
    with pytest.raises(CommandError, match="2 of 3 could not be queued"):
        call_command(
            "install_workflow", "local:stranger.json", "/nowhere.json", "local:good.json", stdout=out, stderr=out
        )
    assert "--allow-host stranger.example" in out.getvalue()
    assert "cannot be read" in out.getvalue()
    assert DownloadFile.objects.count() == 1

    run("install_workflow", "local:stranger.json", "--allow-host", "stranger.example")
    assert DownloadFile.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_waiting_for_a_workflow_follows_it_to_its_end(workspace: Path, settings: Any) -> None:
    with FakeHub() as hub:
        settings.HF_ENDPOINT = hub.url
        good = hub.add_file("org/good", "good.safetensors", size=50_000)
        put_workflow("good.json", node(values=("good.safetensors",), models=[entry("good.safetensors", url=good.url)]))
        gone = f"{hub.url}/org/good/resolve/main/gone.safetensors"
        put_workflow("gone.json", node(values=("gone.safetensors",), models=[entry("gone.safetensors", url=gone)]))

        assert run("install_workflow", "local:good.json", "--wait").splitlines()[-1].endswith(": installed")
        with pytest.raises(CommandError, match="1 of 1 did not get there"):
            run("install_workflow", "local:gone.json", "--wait")

    assert (settings.MODELS_DIR / "checkpoints" / "good.safetensors").stat().st_size == 50_000
