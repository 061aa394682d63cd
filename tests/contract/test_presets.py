"""/api/presets as somebody from outside would try it. Each answer is held against the OpenAPI document."""

from __future__ import annotations

from typing import Any

import pytest

from downloads.file_records import RemoteFile
from downloads.models import Status
from tests.contract.caller import SHARED, A, B, Script, words
from tests.downloads.makers import make_install
from tests.presets.document_server import DocumentServer
from tests.presets.makers import document, file, preset, put_model, write_catalogue

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("two_presets")]


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
