"""Activity, workflows, storage and ComfyUI through the API, each answer held against the OpenAPI document."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from activity.models import Activity
from tests.contract.caller import SHARED, A, B, Script, words
from tests.presets.makers import put_model
from tests.workflows import make
from tests.workflows.put import loader, put_workflow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("two_presets")]

WORKFLOW = make.dump(make.ui(loader()))


def test_activity(script: Script) -> None:
    for title in ("one", "two", "three"):
        Activity.log("download", "completed", title, preset_id="P")
    Activity.log("settings", "completed", "other")
    answer = script.get("/api/activity/recent?limit=2&activity_type=download").body
    assert (answer["total"], [one["title"] for one in answer["activities"]]) == (3, ["three", "two"])
    assert set(answer["activities"][0]) >= {"id", "type", "status", "title", "subtitle", "details", "created_at"}
    assert script.get("/api/activity/recent?limit=0").status == 400
    assert script.get("/api/activity/export?format=xml").status == 400
    exported = script.client.get("/api/activity/export?format=json")
    assert len(json.loads(b"".join(exported))["activities"]) == 4
    csv = script.client.get("/api/activity/export?format=csv")
    assert csv.headers["Content-Type"].startswith("text/csv")
    assert b"three" in b"".join(csv)
    assert script.post("/api/activity/clear").body["status"] == "ok"


def test_workflows(script: Script) -> None:
    put_workflow("sub/deep/a b.json")
    answer = script.get("/api/workflows/templates?source=local&status=missing").body
    assert (answer["total"], answer["templates"][0]["id"]) == (1, "local:sub/deep/a b.json")
    assert set(answer["templates"][0]) >= words(
        "id name path source category verdict installable compatible missing_models missing_count missing_bytes "
        "partner_api"
    )
    call = "/api/workflows/templates/local:sub/deep/a b.json"
    missing = script.get(f"{call}/missing-models").body
    assert (set(missing), missing["can_generate"]) == ({"template_id", "missing_models", "can_generate"}, False)
    assert set(missing["missing_models"][0]) >= words("path directory name url node_type input_name status providers")
    assert script.post(f"{call}/install").body["preset_id"].startswith("workflow:")
    assert script.post(f"{call}/install").body["status"] == "already_queued"
    assert script.post(f"{call}/fix").body == {"fixed": []}
    for method, rest in (("GET", "missing-models"), ("POST", "install"), ("POST", "fix")):
        assert script.ask(method, f"/api/workflows/templates/local:../none/{rest}").status == 404


def test_scan_and_save(script: Script, settings: Any) -> None:
    picture = make.png((b"tEXt", b"workflow\0" + WORKFLOW))
    answers = [
        script.post("/api/workflows/scan", WORKFLOW).body,
        script.post("/api/workflows/scan", picture, content_type="image/png").body,
        answered(script.client.post("/api/workflows/scan", {"file": SimpleUploadedFile("a.json", WORKFLOW)})),
        answered(script.client.post("/api/workflows/scan", {"file": SimpleUploadedFile("a.png", picture)})),
    ]
    assert [answer["missing_models"][0]["path"] for answer in answers] == [A] * 4
    assert script.get("/api/workflows/templates").body["total"] == 0
    assert script.post("/api/workflows/save?name=kept", WORKFLOW).body["id"] == "local:kept.json"
    assert script.get("/api/workflows/templates").body["total"] == 1
    settings.WORKFLOW_UPLOAD_MAX = 10
    assert script.post("/api/workflows/scan", WORKFLOW).status == 413
    assert script.post("/api/workflows/save", WORKFLOW).status == 413


def answered(response: Any) -> Any:
    assert response.status_code == 200, response.content
    return response.json()


def test_the_plan_and_its_budget(script: Script) -> None:
    answer = script.get("/api/workflows/plan?budget=20GB").body
    assert (set(answer), answer["budget"]) == ({"budget", "bytes", "downloads", "unlocks"}, 20 * 10**9)
    assert script.get("/api/workflows/plan").status == 200
    for nonsense in ("much", "-1GB", "GB", "1e9999", "20 GB please", "nan"):
        assert script.get("/api/workflows/plan", data={"budget": nonsense}).status == 400, nonsense


def test_storage(script: Script) -> None:
    for path in (A, B, SHARED):
        put_model(path)
    answer = script.get("/api/storage").body
    assert set(answer) >= {"total", "free", "quota", "reserve", "folders", "unknown_files", "partials"}
    assert set(answer["folders"][0]) >= {"name", "bytes", "files"}
    assert "Pretty" in script.delete(f"/api/storage/file?path={SHARED}").detail
    assert script.delete(f"/api/storage/file?path={SHARED}&force=true").status == 200
    assert script.delete(f"/api/storage/file?path={SHARED}").status == 404
    assert script.delete(f"/api/storage/partial?path={A}").status == 404


@pytest.mark.parametrize("path", ["../secret", "checkpoints/../../secret", "/etc/passwd", "..", "", "a\0b"])
def test_storage_never_leaves_the_models_folder(script: Script, machine: Any, path: str) -> None:
    (machine / "secret").write_text("s")
    for kind in ("file", "partial"):
        answer = script.delete(f"/api/storage/{kind}?{urlencode({'path': path, 'force': 'true'})}")
        assert answer.status in {400, 404, 409}
    assert (machine / "secret").read_text() == "s"


def test_comfyui_and_health(script: Script) -> None:
    answer = script.get("/api/comfyui/status").body
    assert set(answer) >= {"state", "version", "device", "queue_remaining", "checked_at"}
    health = Client(SERVER_NAME="localhost").get("/healthz")
    assert (health.status_code, set(health.json())) == (503, {"status", "database", "worker", "version"})
