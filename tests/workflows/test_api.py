from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from downloads.models import DownloadFile
from tests.workflows import make
from tests.workflows.make import HUB, entry, node
from tests.workflows.put import loader, put_model, put_workflow, remote

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]

API = "/api/workflows"
WORKFLOW = make.dump(make.ui(loader()))


def get(admin: Client, path: str, status: int = 200) -> Any:
    response = admin.get(API + path)
    assert response.status_code == status, response.content
    return response.json()


def post(admin: Client, path: str, data: Any = b"", content_type: str = "application/json", status: int = 200) -> Any:
    response = admin.post(API + path, data, content_type=content_type)
    assert response.status_code == status, response.content
    return response.json()


def test_the_list_has_verdicts_and_can_be_narrowed(admin: Client) -> None:
    put_model("checkpoints/here.safetensors")
    put_workflow("sub/ready.json", loader("here.safetensors"))
    remote(f"{HUB}/checkpoints/gone.safetensors", size=77)
    put_workflow("missing.json", loader("gone.safetensors"))

    assert get(admin, "/templates?status=missing") == {
        "total": 1,
        "templates": [
            {
                "id": "local:missing.json",
                "name": "missing",
                "path": "missing.json",
                "source": "local",
                "category": "Your workflows",
                "verdict": "missing",
                "installable": True,
                "compatible": False,
                "missing_models": ["checkpoints/gone.safetensors"],
                "missing_count": 1,
                "missing_bytes": 77,
                "partner_api": False,
            }
        ],
    }
    assert get(admin, "/templates?source=local")["total"] == 2
    assert get(admin, "/templates?source=templates")["total"] == 0


def test_missing_models_by_an_id_with_slashes(admin: Client) -> None:
    put_workflow("sub/a b.json")
    answer = get(admin, "/templates/local:sub/a b.json/missing-models")
    assert (answer["template_id"], answer["can_generate"]) == ("local:sub/a b.json", False)
    (model,) = answer["missing_models"]
    assert {key: model[key] for key in ("path", "url", "node_type", "input_name", "status")} == {
        "path": "checkpoints/a.safetensors",
        "url": f"{HUB}/checkpoints/a.safetensors",
        "node_type": "CheckpointLoaderSimple",
        "input_name": "ckpt_name",
        "status": "missing",
    }
    assert "There is no workflow" in get(admin, "/templates/local:../../etc/passwd/missing-models", 404)["detail"]


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (WORKFLOW, "application/json"),
        (make.png((b"tEXt", b"workflow\0" + WORKFLOW)), "image/png"),
        (make.webp(make.exif((0x10F, b"workflow:" + WORKFLOW))), "image/webp"),
        (make.flac(workflow=WORKFLOW), "audio/flac"),
        (WORKFLOW, "application/octet-stream"),
    ],
)
def test_a_raw_body_is_scanned_and_not_stored(admin: Client, workspace: Path, data: bytes, content_type: str) -> None:
    answer = post(admin, "/scan", data, content_type)
    assert (answer["kind"], answer["verdict"], answer["can_generate"]) == ("ui", "missing", False)
    assert [model["path"] for model in answer["missing_models"]] == ["checkpoints/a.safetensors"]
    assert not list((workspace / "workflows").iterdir())


def test_a_multipart_body_is_scanned_too(admin: Client) -> None:
    response = admin.post(f"{API}/scan", {"file": SimpleUploadedFile("a.json", WORKFLOW)})
    assert response.json()["verdict"] == "missing"


def test_a_body_above_the_limit_of_forms_is_scanned(admin: Client) -> None:
    data = make.dump(make.ui(loader(), node("Note", ("x" * 3_000_000,), id=2)))
    assert post(admin, "/scan", data)["verdict"] == "missing"


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (WORKFLOW, "text/plain", 400),
        (WORKFLOW, "application/x-www-form-urlencoded", 400),
    ],
)
def test_what_is_no_file_is_refused(admin: Client, data: bytes, content_type: str, status: int) -> None:
    assert post(admin, "/scan", data, content_type, status)["detail"].endswith(".")


def test_too_large_a_body_is_refused(admin: Client, settings: Any) -> None:
    settings.WORKFLOW_UPLOAD_MAX = 100
    assert "larger than" in post(admin, "/scan", b"x" * 101, status=413)["detail"]


def test_bad_bodies_have_a_verdict(admin: Client) -> None:
    assert post(admin, "/scan", b"{")["verdict"] == "unreadable"
    assert post(admin, "/scan", b"[]")["verdict"] == "not_workflow"


def test_install_is_as_for_presets(admin: Client) -> None:
    put_workflow("a.json")
    answer = post(admin, "/templates/local:a.json/install")
    assert answer["status"] == "queued"
    assert answer["preset_id"].startswith("workflow:local-a.json-")
    assert answer["download_id"] == DownloadFile.objects.get().download_id
    assert post(admin, "/templates/local:a.json/install")["status"] == "already_queued"
    assert post(admin, "/templates/nothing/install", status=404)


def test_a_stranger_is_a_conflict_until_it_is_confirmed(admin: Client) -> None:
    put_workflow("a.json", node(models=[entry(url="https://stranger.example/a.safetensors")]))
    assert "stranger.example" in post(admin, "/templates/local:a.json/install", status=409)["detail"]
    assert post(admin, "/templates/local:a.json/install?confirm=stranger.example")["status"] == "queued"


def test_fix_links_what_lies_elsewhere(admin: Client) -> None:
    put_model("loras/a.safetensors")
    put_workflow("a.json")
    assert post(admin, "/templates/local:a.json/fix") == {"fixed": ["checkpoints/a.safetensors"]}
    assert post(admin, "/templates/local:a.json/fix") == {"fixed": []}
    assert post(admin, "/templates/local:a.json/fix?how=burn", status=400)


def test_save_keeps_a_workflow(admin: Client) -> None:
    assert post(admin, "/save?name=My+own", WORKFLOW) == {"id": "local:My own.json", "name": "My own"}
    assert get(admin, "/templates")["total"] == 1
    assert "no workflow" in post(admin, "/save", make.png(), "image/png", 400)["detail"]


def test_the_plan_names_downloads_and_templates(admin: Client) -> None:
    remote(f"{HUB}/checkpoints/a.safetensors", size=50)
    put_workflow("a.json")
    assert get(admin, "/plan?budget=1kB") == {
        "budget": 1000,
        "bytes": 50,
        "downloads": [
            {
                "path": "checkpoints/a.safetensors",
                "url": f"{HUB}/checkpoints/a.safetensors",
                "size_bytes": 50,
                "exact": True,
                "unlocks": 1,
            }
        ],
        "unlocks": ["local:a.json"],
    }
    assert "is not a size" in get(admin, "/plan?budget=much", 400)["detail"]


def test_nobody_gets_in_without_a_login(client: Client) -> None:
    for path in ("/templates", "/plan"):
        assert client.get(API + path).status_code == 401
    assert client.post(f"{API}/scan", WORKFLOW, content_type="application/json").status_code == 401


@pytest.mark.parametrize("written", ["properties", "note"])
def test_a_signature_is_in_no_answer_but_in_the_row_that_fetches(admin: Client, written: str) -> None:
    url = "https://x.example/a.safetensors?fileId=1&sig=SIGSECRET&token=TOKSECRET"
    named = node(properties={"models": [entry(url=url)]})
    note = node("MarkdownNote", (f"[a.safetensors]({url}) for models/checkpoints",), id=2)
    put_workflow("signed.json", *([named] if written == "properties" else [node(), note]))

    answer = admin.get(f"{API}/templates/local:signed.json/missing-models")
    (model,) = answer.json()["missing_models"]
    assert model["providers"][0]["url"] == model["url"] == "https://x.example/a.safetensors?fileId=1&sig=***"
    assert b"SECRET" not in answer.content
    host = model["providers"][0]["host"]
    install = post(admin, f"/templates/local:signed.json/install?confirm={host}", status=200)
    assert "sig=SIGSECRET" in DownloadFile.objects.get(download_id=install["download_id"]).url
