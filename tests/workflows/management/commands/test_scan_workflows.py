from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import CommandError

from tests.workflows import make
from tests.workflows.make import HUB, node
from tests.workflows.management.commands.conftest import run
from tests.workflows.put import loader, put_model, put_workflow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]


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
