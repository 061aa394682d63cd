"""The JSON API as somebody from outside would try it. Each answer is held against the OpenAPI document on its way."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from activity.models import Activity
from comfydash.api import api
from downloads import waiting as waiting_rows
from downloads.drain import drain_queue
from downloads.models import DownloadHistory, RemoteFile, Status
from settings_app.access import administrator
from tests.contract.caller import KEY, Script
from tests.downloads.makers import make_install
from tests.fakehub import FakeHub
from tests.presets.document_server import DocumentServer
from tests.presets.makers import document, file, preset, put_model, write_catalogue
from tests.workflows import make
from tests.workflows.put import loader, put_workflow

pytestmark = pytest.mark.django_db

A, B, SHARED = "checkpoints/a.safetensors", "loras/b.safetensors", "vae/shared.safetensors"
TOKEN = "hf_" + "t" * 34
WORKFLOW = make.dump(make.ui(loader()))


def words(text: str) -> set[str]:
    return set(text.split())


DOWNLOAD_KEYS = words(
    "id preset_id title status reason error_message files_completed files_total bytes_done bytes_total attempts "
    "queued_at started_at completed_at"
)


@pytest.fixture(autouse=True)
def two_presets(machine: Any) -> None:
    write_catalogue({"P": preset(file(A), file(SHARED), name="Pretty"), "Q": preset(file(B), file(SHARED))})


# --- refusals ------------------------------------------------------------------------------------------------------


def every_call() -> list[tuple[str, str]]:
    values = {"{preset_id}": "P", "{download_id}": "1", "{verb}": "pause", "{template_id}": "local:a.json"}
    found = []
    for template, methods in api.get_openapi_schema()["paths"].items():
        path = template
        for name, value in values.items():
            path = path.replace(name, value)
        found += [(method.upper(), path) for method in methods]
    return found


@pytest.mark.parametrize(("method", "path"), every_call())
def test_no_call_answers_a_stranger(db: None, method: str, path: str) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {KEY}"}):
        answer = Client(SERVER_NAME="localhost", headers=headers).generic(method, path)
        assert answer.status_code == 401
        assert method == "HEAD" or answer.json()["detail"].endswith(".")


@pytest.mark.parametrize(("method", "path"), [call for call in every_call() if call[0] not in {"GET", "HEAD"}])
def test_no_change_by_a_session_without_its_csrf_token(db: None, method: str, path: str) -> None:
    browser = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
    browser.force_login(administrator())
    answer = browser.generic(method, path, b"{}", content_type="application/json")
    assert (answer.status_code, bool(answer.json()["detail"])) == (403, True)


@pytest.mark.parametrize("body", [[], "x", {}, {"key": "theme"}, {"value": 1}, {"key": 1, "value": 1}, None])
def test_bodies_of_the_wrong_shape_are_400(script: Script, body: Any) -> None:
    assert script.patch("/api/settings", json.dumps(body)).status == 400


def test_too_large_a_body_is_413(script: Script) -> None:
    assert script.patch("/api/settings", b" " * (3 * 2**20), strict=False).status == 413


# --- presets -------------------------------------------------------------------------------------------------------


def test_the_fields_of_a_preset(script: Script) -> None:
    answer = script.get("/api/presets/?source=file&category=Pictures&type=image&q=pretty&status=available").body
    assert answer["total"] == 1
    assert set(answer["categories"]["Pictures"]) == {"description", "type"}
    (one,) = answer["presets"]
    assert set(one) >= words(
        "id name category type description download_size size_bytes missing_bytes gated files use_case tags source "
        "installed status warnings"
    )
    assert set(one["files"][0]) >= {"path", "url", "size", "size_bytes", "optional", "status"}
    assert script.get("/api/presets/P").body == one
    counted = script.get("/api/presets/categories/list").body["categories"]["Pictures"]
    assert (set(counted), counted["count"]) == ({"description", "type", "count"}, 2)


@pytest.mark.parametrize("preset_id", ["x", "A" * 200, "A" * 201, "a b", "%C3%A4", "queue", "categories", "refresh"])
def test_ids_that_are_none_are_404(script: Script, preset_id: str) -> None:
    for rest in ("install", "pause", "cancel"):
        assert script.post(f"/api/presets/{preset_id}/{rest}").status == 404
    if preset_id != "refresh":  # a call of its own, for POST
        assert script.get(f"/api/presets/{preset_id}").status == 404


def test_taken_and_overlong_ids_never_enter_the_catalogue(script: Script) -> None:
    taken = ["queue", "categories", "refresh", "A" * 201, "a b", "ä"]
    write_catalogue({name: preset(file(A)) for name in [*taken, "A" * 200, "a_B.1:2-3"]})
    assert [one["id"] for one in script.get("/api/presets/").body["presets"]] == ["A" * 200, "a_B.1:2-3"]
    assert script.post(f"/api/presets/{'A' * 200}/install").body["status"] == "queued"


def test_presets_of_the_templates_are_like_others(script: Script, templates: None) -> None:
    first = script.get("/api/presets/?source=templates").body["presets"][0]
    assert first["id"].startswith("template:")
    assert script.post(f"/api/presets/{first['id']}/install").body["preset_id"] == first["id"]


@pytest.mark.parametrize("preset_id", ["workflow:mine", "lock:pod", "GONE_WITH_A_REFRESH"])
def test_verbs_find_the_row_where_the_catalogue_has_none(script: Script, preset_id: str) -> None:
    row = make_install(Status.QUEUED, preset_id=preset_id)
    for verb, status in [("pause", "paused"), ("resume", "queued"), ("skip", "queued"), ("cancel", "cancelled")]:
        answer = script.post(f"/api/presets/{preset_id}/{verb}").body
        assert answer == {"preset_id": preset_id, "download_id": row.pk, "status": status}
    again = script.post(f"/api/presets/{preset_id}/retry").body
    assert (again["status"], again["download_id"] > row.pk) == ("queued", True)
    assert script.post(f"/api/presets/{preset_id}/move?to=bottom").status == 200
    assert script.get(f"/api/presets/{preset_id}/status").body["status"] == "queued"
    assert script.get(f"/api/presets/{preset_id}").status == 404


def test_install_says_what_becomes_of_it(script: Script) -> None:
    RemoteFile.objects.create(url=file(B)["url"], gated=True)
    first = script.post("/api/presets/P/install").body
    assert (set(first), first["status"]) == ({"preset_id", "status", "download_id", "message"}, "queued")
    assert script.post("/api/presets/P/install").body["status"] == "already_queued"
    assert script.post("/api/presets/Q/install").body["status"] == "token_required"
    assert script.get("/api/presets/Q/status").body["reason"] == "token_required"
    script.post("/api/presets/P/cancel")
    put_model(A)
    put_model(SHARED)
    assert script.post("/api/presets/P/install").body["status"] == "already_installed"
    assert script.post("/api/presets/P/install?force=true").body["status"] == "queued"
    assert script.post("/api/presets/P/install?force=perhaps").status == 400


def test_deleting_the_files_keeps_what_others_need(script: Script) -> None:
    for path in (A, B, SHARED):
        put_model(path)
    gone = script.delete("/api/presets/P/files").body
    assert gone == {"preset_id": "P", "status": "uninstalled", "deleted_files": [A], "kept_files": [SHARED]}
    assert script.delete("/api/presets/Q/files").body["deleted_files"] == [B, SHARED]
    script.post("/api/presets/P/install")
    assert script.delete("/api/presets/P/files").status == 409


def test_refresh(script: Script, documents: DocumentServer, settings: Any) -> None:
    make_install(Status.DOWNLOADING, preset_id="Q")
    settings.PRESETS_URL = documents.put("/p", document({"P": preset(file(A)), "R": preset(file(B))}, "2"))
    answer = script.post("/api/presets/refresh").body
    assert answer["message"] == "2 presets, version 2: 1 added, 1 changed, 1 removed"
    counts = (answer["total_presets"], answer["version"], answer["added"], answer["changed"], answer["removed"])
    assert (answer["status"], counts) == ("success", (2, "2", 1, 1, 1))
    assert script.get("/api/presets/queue/status").body["current"] == "Q"
    settings.PRESETS_URL = documents.put("/bad", b"[")
    assert script.post("/api/presets/refresh").status == 400
    settings.PRESETS_URL = "http://127.0.0.1:9/p"
    assert script.post("/api/presets/refresh").status == 503


# --- downloads -----------------------------------------------------------------------------------------------------


def test_history_is_filtered_and_counts_all_that_match(script: Script) -> None:
    for _ in range(3):
        make_install(Status.FAILED, preset_id="P")
    make_install(Status.COMPLETED, preset_id="P")
    answer = script.get("/api/downloads/history?preset_id=P&status=failed&limit=1&offset=1").body
    assert (answer["total"], len(answer["downloads"])) == (3, 1)
    one = answer["downloads"][0]
    assert set(one) >= DOWNLOAD_KEYS
    assert one["queued_at"].endswith("Z")
    newest_first = [row["id"] for row in script.get("/api/downloads/history").body["downloads"]]
    assert newest_first == sorted(newest_first, reverse=True)
    for query in ("limit=0", "limit=-1", "limit=x", "offset=-1", "status=odd"):
        assert script.get(f"/api/downloads/history?{query}").status == 400, query


def test_one_download_and_its_verbs(script: Script) -> None:
    row = make_install(Status.QUEUED, files=2)
    answer = script.get(f"/api/downloads/{row.pk}").body
    assert (set(answer) >= DOWNLOAD_KEYS, len(answer["files"])) == (True, 2)
    assert script.post(f"/api/downloads/{row.pk}/cancel?keep_partial=false").body["status"] == "cancelled"
    assert script.post(f"/api/downloads/{row.pk}/pause").status == 409
    assert script.post(f"/api/downloads/{row.pk}/explode").status == 400
    assert script.post("/api/downloads/999999/pause").status == 404
    assert script.get("/api/downloads/99999999999999999999").status == 404
    make_install(Status.FAILED)
    assert script.post("/api/downloads/retry-failed").body == {"queued": 1}


@pytest.mark.django_db(transaction=True)
def test_a_gated_install_starts_by_itself_when_a_token_is_saved(hub: FakeHub) -> None:
    script = Script()
    gated = hub.add_file("org/gated", "g.safetensors", size=50_000, gated=True)
    write_catalogue({"G": preset(file("loras/g.safetensors", url=gated.url))})
    assert script.post("/api/presets/G/install").body["status"] == "queued"
    drain_queue()
    waiting = script.get("/api/presets/G/status").body
    assert (waiting["status"], waiting["reason"]) == ("waiting", "token_required")

    hub.token(TOKEN, accepted={"org/gated"})
    assert script.post("/api/settings/hf-token", {"token": TOKEN}).body["status"] == "ok"
    waiting_rows.look_again(now=True)
    drain_queue()

    assert script.get("/api/presets/G").body["status"] == "installed"
    assert DownloadHistory.objects.count() == 1


# --- settings ------------------------------------------------------------------------------------------------------


def test_settings_are_read_without_any_secret(script: Script) -> None:
    answer = script.get("/api/settings").body
    keys = words(
        "theme activity_retention_days connections rate_limit disk_reserve disk_quota comfyui_url comfyui_public_url "
        "log_generations"
    )
    assert set(answer) >= keys | {"hf_token_set", "hf_token_source", "sources"}
    assert set(answer["sources"]) == keys
    assert set(answer["sources"].values()) == {"default"}


@pytest.mark.parametrize(
    ("key", "value", "stored"),
    [
        ("theme", "auto", "auto"),
        ("activity_retention_days", 3650, 3650),
        ("activity_retention_days", "1", 1),
        ("connections", "16", 16),
        ("rate_limit", "50MB/s", 50_000_000),
        ("disk_reserve", "2GB", 2 * 10**9),
        ("disk_quota", 5_000_000_000, 5_000_000_000),
        ("disk_quota", "", None),
        ("comfyui_url", "http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("log_generations", False, False),
        ("log_generations", "off", False),
    ],
)
def test_a_setting_is_given_as_its_own_type_or_as_text(script: Script, key: str, value: Any, stored: Any) -> None:
    assert script.patch("/api/settings", {"key": key, "value": value}).body == {"status": "ok", "key": key}
    answer = script.get("/api/settings").body
    assert (answer[key], answer["sources"][key]) == (stored, "stored")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("nonsense", 1),
        ("hf_token", TOKEN),
        ("theme", "pink"),
        ("activity_retention_days", 0),
        ("activity_retention_days", 3651),
        ("connections", 17),
        ("connections", True),
        ("rate_limit", "fast"),
        ("disk_reserve", -1),
        ("comfyui_url", "ftp://x"),
        ("log_generations", "perhaps"),
        ("theme", {}),
    ],
)
def test_a_setting_that_cannot_be_is_400(script: Script, key: str, value: Any) -> None:
    before = script.get("/api/settings").body
    assert script.patch("/api/settings", {"key": key, "value": value}).status == 400
    assert script.get("/api/settings").body == before


def test_what_the_environment_decides_is_409(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYDASH_CONNECTIONS", "3")
    assert "COMFYDASH_CONNECTIONS" in script.patch("/api/settings", {"key": "connections", "value": 4}).detail
    answer = script.get("/api/settings").body
    assert (answer["connections"], answer["sources"]["connections"]) == (3, "env")


def test_the_life_of_a_token(script: Script, hub: FakeHub, settings: Any) -> None:
    for bad in ("", "   ", "sk_123", "hf_"):
        assert script.post("/api/settings/hf-token", {"token": bad}).status == 400
    hub.token(TOKEN)
    valid = script.post("/api/settings/hf-token/validate", {"token": TOKEN}).body
    assert valid == {"valid": True, "username": "ada", "role": "read"}
    assert script.get("/api/settings").body["hf_token_set"] is False
    assert script.post("/api/settings/hf-token/validate", {"token": TOKEN + "x"}).body["valid"] is False
    assert set(script.post("/api/settings/hf-token", {"token": TOKEN}).body) == {"status", "message"}
    assert script.get("/api/settings").body["hf_token_source"] == "stored"
    assert script.post("/api/settings/hf-token/validate", {}).body["valid"] is True
    bare = script.client.generic("POST", "/api/settings/hf-token/validate", content_type="")  # curl -X POST
    assert bare.json().get("valid") is True, bare.content
    assert TOKEN not in json.dumps(script.get("/api/settings").body)
    settings.HF_TOKEN = "hf_" + "e" * 34
    assert script.delete("/api/settings/hf-token").body["status"] == "ok"
    assert script.get("/api/settings").body["hf_token_source"] == "env"
    settings.HF_ENDPOINT = "http://127.0.0.1:9"
    assert script.post("/api/settings/hf-token/validate", {}).status == 503


def test_the_life_of_an_api_key(db: None, settings: Any) -> None:
    settings.API_KEY = ""
    owner = Script()
    owner.client = Client(SERVER_NAME="localhost")
    owner.client.force_login(administrator())
    assert owner.get("/api/settings/api-key").body == {"set": False, "created_at": None}
    key = owner.post("/api/settings/api-key").body["key"]
    status = owner.get("/api/settings/api-key").body
    assert (status["set"], status["created_at"][-1], key in json.dumps(status)) == (True, "Z", False)
    stranger = Client(SERVER_NAME="localhost", headers={"authorization": f"Bearer {key}"})
    assert stranger.get("/api/settings").status_code == 200
    assert owner.delete("/api/settings/api-key").body == {"status": "ok"}
    assert stranger.get("/api/settings").status_code == 401


# --- activity ------------------------------------------------------------------------------------------------------


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


# --- workflows, storage, ComfyUI -----------------------------------------------------------------------------------


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
