"""/api/storage as the contract has it."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.downloads.makers import make_install
from tests.library.makers import begun, installed, put

pytestmark = pytest.mark.django_db


def test_everything_about_the_disk_in_one_answer(owner: Client) -> None:
    installed("loras/a.safetensors", 3000, seed="same")
    installed("loras/b.safetensors", 3000, seed="same")
    put("loras/stranger.safetensors", 200)
    begun("loras/c.safetensors")
    answer = owner.get("/api/storage").json()
    assert set(answer) >= {"total", "free", "quota", "reserve", "folders", "unknown_files", "partials"}
    assert answer["folders"] == [{"name": "loras", "bytes": 6200, "files": 3, "elsewhere": False}]
    assert [(file["path"], file["bytes"]) for file in answer["unknown_files"]] == [("loras/stranger.safetensors", 200)]
    assert [(part["path"], part["download_id"]) for part in answer["partials"]] == [("loras/c.safetensors", None)]
    [group] = answer["duplicates"]
    assert (group["bytes"], sorted(group["paths"])) == (3000, ["loras/a.safetensors", "loras/b.safetensors"])


def test_deleting_answers_what_it_freed(owner: Client) -> None:
    put("loras/a.safetensors", 3000)
    answer = owner.delete("/api/storage/file?path=loras/a.safetensors")
    assert (answer.status_code, answer.json()) == (200, {"path": "loras/a.safetensors", "bytes": 3000})
    assert owner.delete("/api/storage/file?path=loras/a.safetensors").status_code == 404


def test_who_needs_it_is_a_409_that_force_overrides(owner: Client) -> None:
    installed("checkpoints/alpha.safetensors")
    installed("vae/shared.safetensors")
    refused = owner.delete("/api/storage/file?path=vae/shared.safetensors")
    assert refused.status_code == 409
    assert refused.json()["detail"] == (
        "vae/shared.safetensors is needed by “Alpha”. Delete it with force=true if that may stop working."
    )
    assert owner.delete("/api/storage/file?path=vae/shared.safetensors&force=true").status_code == 200


def test_an_active_download_is_a_409_whatever_is_forced(owner: Client) -> None:
    path = make_install("paused").files.get().path
    put(path)
    begun(path)
    assert owner.delete(f"/api/storage/file?path={path}&force=true").status_code == 409
    assert owner.delete(f"/api/storage/partial?path={path}").status_code == 409


def test_a_partial_is_deleted_by_the_path_it_was_to_have(owner: Client) -> None:
    part = begun("loras/a.safetensors")
    answer = owner.delete("/api/storage/partial?path=loras/a.safetensors")
    assert (answer.status_code, answer.json()["path"], part.exists()) == (200, "loras/a.safetensors", False)


@pytest.mark.parametrize("query", ["", "?path=", "?path=" + "a" * 1025, "?path=a&force=perhaps"])
def test_bad_input_is_a_400(owner: Client, query: str) -> None:
    for place in ("file", "partial"):
        answer = owner.delete(f"/api/storage/{place}{query}")
        if place == "file" or "force" not in query:
            assert answer.status_code == 400, (place, query)
            assert answer.json()["detail"]


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a%00b", "%F0%9F%92%A5", "loras%2F..%2F..%2Fx"])
def test_a_path_that_leads_elsewhere_is_not_there(owner: Client, path: str) -> None:
    for place in ("file", "partial"):
        assert owner.delete(f"/api/storage/{place}?path={path}").status_code == 404


def test_a_stranger_deletes_nothing(client: Client) -> None:
    file = put("loras/a.safetensors")
    for call in (client.get, client.delete):
        assert call("/api/storage/file?path=loras/a.safetensors", SERVER_NAME="localhost").status_code in {401, 405}
    assert file.exists()


def test_deleting_needs_the_token_of_the_form(owner: Client) -> None:
    file = put("loras/a.safetensors")
    browser = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
    browser.cookies = owner.cookies
    assert browser.delete("/api/storage/file?path=loras/a.safetensors").status_code == 403
    assert file.exists()
