from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from downloads.models import DownloadFile
from tests.fakehub import FakeHub
from tests.workflows import make
from tests.workflows.make import HUB, entry, node
from tests.workflows.put import loader, put_model, put_workflow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]


def run(*arguments: Any, **options: Any) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=out, **options)
    return out.getvalue()


def test_json_says_kind_verdict_and_each_model(workspace: Path) -> None:
    put_model("checkpoints/here.safetensors")
    file = put_workflow(
        "a.json",
        loader("here.safetensors"),
        loader("muted.safetensors", id=2, mode=4),
        node("VAELoader", ("v.pt",), id=3),
    )
    (found,) = json.loads(run("scan_workflows", str(file), "--json"))

    providers = [model.pop("providers") for model in found["models"]]
    assert found == {
        "path": str(file),
        "kind": "ui",
        "verdict": "missing",
        "error": "",
        "models": [
            {
                "directory": "checkpoints",
                "name": name,
                "url": f"{HUB}/checkpoints/{name}",
                "needed": needed,
                "status": status,
            }
            for name, needed, status in (
                ("here.safetensors", True, "installed"),
                ("muted.safetensors", False, "missing"),
            )
        ]
        + [{"directory": "vae", "name": "v.pt", "url": "", "needed": True, "status": "missing"}],
    }
    assert [[provider["host"] for provider in offers] for offers in providers] == [["huggingface.co"]] * 2 + [[]]


def test_every_kind_of_file_has_a_verdict(workspace: Path) -> None:
    folder = workspace / "files"
    folder.mkdir()
    (folder / "a-list.json").write_bytes(b"[]")
    (folder / "broken.json").write_bytes(b'{"nodes": [')
    (folder / "cat.png").write_bytes(make.png())
    (folder / "prompt.json").write_bytes(make.dump(make.api(KSampler={})))
    found = json.loads(run("scan_workflows", str(folder), "--json"))
    assert [(Path(item["path"]).name, item["kind"], item["verdict"]) for item in found] == [
        ("a-list.json", "not_workflow", "not_workflow"),
        ("broken.json", "unreadable", "unreadable"),
        ("prompt.json", "api", "ready"),
    ]
    (named,) = json.loads(run("scan_workflows", str(folder / "cat.png"), "--json"))
    assert named["verdict"] == "not_workflow"


def test_the_text_says_what_is_here_and_what_to_do(workspace: Path) -> None:
    put_model("loras/lies.safetensors")
    put_workflow("a.json", loader("lies.safetensors"), loader("gone.safetensors", id=2))
    assert run("scan_workflows") == (
        "missing      local:a.json: 0 of 2 models here\n"
        "    wrong_folder checkpoints/lies.safetensors, found at loras/lies.safetensors\n"
        f"    missing      checkpoints/gone.safetensors from {HUB}/checkpoints/gone.safetensors\n"
    )


def test_a_path_where_nothing_stands_is_a_mistake(workspace: Path) -> None:
    with pytest.raises(CommandError, match="There is nothing at"):
        run("scan_workflows", str(workspace / "gone.json"))


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
