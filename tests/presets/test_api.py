"""/api/presets as the contract has it: paths, fields, statuses."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from downloads.file_records import RemoteFile
from downloads.models import ACTIVE, DownloadHistory, Status
from presets.api import PresetsOut
from tests.downloads.makers import make_install
from tests.presets.document_server import DocumentServer
from tests.presets.makers import document, file, preset, put_model, safetensors, write_catalogue

pytestmark = pytest.mark.django_db

A, B = "checkpoints/a.safetensors", "vae/b.safetensors"
API = "/api/presets"


@pytest.fixture(autouse=True)
def two_presets(settings: Any) -> None:
    settings.HF_TOKEN = ""
    write_catalogue(
        {
            "P": preset(file(A, size="~2GB"), name="Pretty", tags=["fast"], description="D", use_case="U"),
            "Q": preset(file(B), name="Quick", category="Films", type="video"),
        },
        categories={"Pictures": {"description": "All of them", "type": "image"}},
    )


def ids(client: Client, **query: str) -> list[str]:
    answer = client.get(f"{API}/", query)
    assert answer.status_code == 200
    found = [preset["id"] for preset in answer.json()["presets"]]
    assert answer.json()["total"] == len(found)
    return found


def test_the_list_has_every_field(owner: Client) -> None:
    answer = owner.get(f"{API}/", {"source": "file"}).json()
    assert answer["total"] == 2
    assert answer["categories"]["Pictures"] == {"description": "All of them", "type": "image"}
    assert answer["presets"][0] == {
        "id": "P",
        "name": "Pretty",
        "category": "Pictures",
        "type": "image",
        "description": "D",
        "download_size": "",
        "size_bytes": 2 * 10**9,
        "missing_bytes": 2 * 10**9,
        "gated": False,
        "files": [
            {
                "path": A,
                "url": file(A)["url"],
                "size": "~2GB",
                "size_bytes": 2 * 10**9,
                "optional": False,
                "status": "missing",
            }
        ],
        "use_case": "U",
        "tags": ["fast"],
        "source": "file",
        "installed": False,
        "status": "available",
        "warnings": [],
    }


def test_the_list_is_as_documented(owner: Client) -> None:
    answer = owner.get(f"{API}/").json()
    assert PresetsOut.model_validate(answer, strict=True).model_dump() == answer


def test_the_list_is_filtered(owner: Client) -> None:
    put_model(A)
    assert len(ids(owner)) > 250
    assert ids(owner, source="file") == ["P", "Q"]
    assert ids(owner, source="file", category="Films") == ["Q"]
    assert ids(owner, source="file", type="image") == ["P"]
    assert ids(owner, source="file", status="installed") == ["P"]
    assert ids(owner, q="PRETTY fast") == ["P"]
    assert ids(owner, source="file", q="b.safetensors") == ["Q"]
    assert ids(owner, category="none", type="none", status="none", source="none", q="\x00") == []


def test_categories_are_counted(owner: Client) -> None:
    answer = owner.get(f"{API}/categories/list").json()["categories"]
    assert answer["Pictures"] == {"description": "All of them", "type": "image", "count": 1}
    assert answer["Films"] == {"description": "", "type": "video", "count": 1}
    assert answer["Video"]["count"] > 10


def test_one_preset_is_as_in_the_list(owner: Client) -> None:
    assert owner.get(f"{API}/Q").json() == owner.get(f"{API}/", {"category": "Films"}).json()["presets"][0]
    assert owner.get(f"{API}/template:sdxlturbo_example").json()["name"] == "SDXL Turbo"


UNKNOWN = ["NOPE", "template:nope", "a b", "ä", "%00", "..", "A" * 201, "queue"]


@pytest.mark.parametrize(
    ("method", "rest"),
    [
        ("get", ""),
        ("get", "/status"),
        ("post", "/install"),
        ("post", "/pause"),
        ("post", "/resume"),
        ("post", "/cancel"),
        ("post", "/retry"),
        ("post", "/skip"),
        ("post", "/move?to=top"),
        ("delete", "/files"),
    ],
)
def test_an_unknown_preset_is_404(owner: Client, method: str, rest: str) -> None:
    unknown = [name for name in UNKNOWN if (name, rest) != ("queue", "/status")]  # a call of its own
    answers = {name: getattr(owner, method)(f"{API}/{name}{rest}").status_code for name in unknown}
    assert answers == dict.fromkeys(unknown, 404)


def test_nobody_comes_in_without_a_login(client: Client, db: None) -> None:
    stranger = Client(SERVER_NAME="localhost")
    for method, path in [
        ("get", "/"),
        ("get", "/P"),
        ("post", "/P/install"),
        ("post", "/refresh"),
        ("delete", "/P/files"),
    ]:
        assert getattr(stranger, method)(API + path).status_code == 401
    assert DownloadHistory.objects.count() == 0


# --- install and the verbs ---------------------------------------------------------------------------------------


def test_install_queues_and_says_so_again(owner: Client) -> None:
    answer = owner.post(f"{API}/P/install")
    row = DownloadHistory.objects.get()
    assert answer.json() == {
        "preset_id": "P",
        "status": "queued",
        "download_id": row.pk,
        "message": "Pretty is queued.",
    }
    again = owner.post(f"{API}/P/install?force=true").json()
    assert (again["status"], again["download_id"]) == ("already_queued", row.pk)


def test_install_of_what_is_here(owner: Client) -> None:
    put_model(A)
    assert owner.post(f"{API}/P/install").json()["status"] == "already_installed"
    assert owner.post(f"{API}/P/install?force=true").json()["status"] == "queued"


def test_install_of_what_is_known_to_be_gated(owner: Client) -> None:
    RemoteFile.objects.create(url=file(A)["url"], gated=True)
    answer = owner.post(f"{API}/P/install").json()
    assert (answer["status"], DownloadHistory.objects.get().status) == ("token_required", Status.WAITING)


def test_install_of_what_the_catalogue_has_broken_is_409(owner: Client) -> None:
    write_catalogue({"P": preset(file("../x.safetensors"))})
    answer = owner.post(f"{API}/P/install")
    assert answer.status_code == 409
    assert "Correct the catalogue" in answer.json()["detail"]


VERBS = {
    "pause": {Status.QUEUED: "paused", Status.DOWNLOADING: "paused"},
    "resume": {Status.PAUSED: "queued", Status.WAITING: "queued"},
    "cancel": dict.fromkeys(ACTIVE, "cancelled"),
    "skip": {Status.QUEUED: "queued", Status.DOWNLOADING: "queued"},
    "move": {Status.QUEUED: "queued"},
    "retry": {Status.FAILED: "queued", Status.CANCELLED: "queued"},
}


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_in_every_state(owner: Client, verb: str, status: Status) -> None:
    row = make_install(status, preset_id="P")
    answer = owner.post(f"{API}/P/{verb}")
    if status in VERBS[verb]:
        newest = DownloadHistory.objects.latest("id")
        assert answer.json() == {"preset_id": "P", "download_id": newest.pk, "status": VERBS[verb][status]}
    else:
        assert answer.status_code == 409
        assert str(status) in answer.json()["detail"]
        row.refresh_from_db()
        assert row.status == status


def test_a_verb_on_what_was_never_queued_is_409(owner: Client) -> None:
    answer = owner.post(f"{API}/P/pause")
    assert (answer.status_code, answer.json()["detail"]) == (409, "“Pretty” is not in the queue. Install it first.")


def test_a_verb_that_is_none_is_400(owner: Client) -> None:
    assert owner.post(f"{API}/P/explode").status_code == 400
    make_install(Status.QUEUED, preset_id="P")
    assert owner.post(f"{API}/P/move?to=sideways").status_code == 400


def test_a_preset_that_left_the_catalogue_can_still_be_cancelled(owner: Client) -> None:
    make_install(Status.QUEUED, preset_id="GONE")
    assert owner.post(f"{API}/GONE/cancel").json()["status"] == "cancelled"
    assert owner.get(f"{API}/GONE/status").json()["status"] == "cancelled"
    assert owner.get(f"{API}/GONE").status_code == 404


def test_the_active_install_comes_before_a_newer_one_that_ended(owner: Client) -> None:
    active = make_install(Status.PAUSED, preset_id="P")
    make_install(Status.FAILED, preset_id="P")
    assert owner.post(f"{API}/P/resume").json()["download_id"] == active.pk


# --- status and queue --------------------------------------------------------------------------------------------


def test_the_status_of_the_newest_download(owner: Client) -> None:
    row = make_install(Status.FAILED, files=2, preset_id="P", reason="network", error_message="No network.")
    answer = owner.get(f"{API}/P/status").json()
    assert {key: answer[key] for key in ("preset_id", "download_id", "status", "reason", "error_message")} == {
        "preset_id": "P",
        "download_id": row.pk,
        "status": "failed",
        "reason": "network",
        "error_message": "No network.",
    }
    assert [one["status"] for one in answer["files"]] == ["pending", "pending"]


def test_the_status_where_there_never_was_a_download(owner: Client) -> None:
    put_model(A)
    answer = owner.get(f"{API}/P/status").json()
    assert (answer["status"], answer["download_id"], answer["progress"], answer["files"]) == (
        "installed",
        None,
        100,
        [],
    )


def test_the_queue_in_one_picture(owner: Client) -> None:
    empty: dict[str, object] = {
        "current": None,
        "queue": [],
        "queue_total": 0,
        "active_downloads": 0,
        "items": [],
        "next_offset": None,
    }
    answer = owner.get(f"{API}/queue/status").json()
    assert empty.items() <= answer.items()
    assert answer["counts"] == {"queued": 0, "downloading": 0, "paused": 0, "waiting": 0}
    make_install(Status.QUEUED, preset_id="Q")
    make_install(Status.DOWNLOADING, preset_id="P")
    make_install(Status.COMPLETED)
    answer = owner.get(f"{API}/queue/status").json()
    assert (answer["current"], answer["queue"], answer["active_downloads"]) == ("P", ["Q"], 1)
    assert [(item["preset_id"], len(item.get("files", ()))) for item in answer["items"]] == [("P", 1), ("Q", 0)]
    assert [item["files_total"] for item in answer["items"]] == [1, 1]


# --- refresh and uninstall ---------------------------------------------------------------------------------------


def test_refresh(owner: Client, documents: DocumentServer, settings: Any) -> None:
    settings.PRESETS_URL = documents.put("/p", document({"P": preset(name="Prettier"), "N": preset(file(B))}, "2.0"))
    expected = {
        "status": "planned",
        "message": "2 presets, version 2.0: 1 added, 1 changed, 1 removed",
        "total_presets": 2,
        "version": "2.0",
        "added": 1,
        "changed": 1,
        "removed": 1,
    }
    assert owner.post(f"{API}/refresh?dry_run=true").json() == expected
    assert ids(owner, source="file") == ["P", "Q"]
    assert owner.post(f"{API}/refresh").json() == {**expected, "status": "success"}
    assert ids(owner, source="file") == ["P", "N"]


def test_refresh_refuses(owner: Client, documents: DocumentServer, settings: Any) -> None:
    settings.PRESETS_URL = documents.put("/p", b"presets:\n- [}")
    answer = owner.post(f"{API}/refresh")
    assert answer.status_code == 400
    assert "Line 2" in answer.json()["detail"]
    settings.PRESETS_URL = documents.url + "/nothing"
    assert owner.post(f"{API}/refresh").status_code == 503
    assert ids(owner, source="file") == ["P", "Q"]


def test_uninstall(owner: Client) -> None:
    place = put_model(A, safetensors())
    assert owner.delete(f"{API}/P/files").json() == {
        "preset_id": "P",
        "status": "uninstalled",
        "deleted_files": [A],
        "kept_files": [],
    }
    assert not place.exists()


def test_uninstall_of_what_is_queued_is_409(owner: Client) -> None:
    make_install(Status.QUEUED, preset_id="P")
    assert owner.delete(f"{API}/P/files").status_code == 409
