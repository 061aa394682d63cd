"""/api/settings as scripts use it."""

import json
from typing import Any

import pytest
from django.test import Client

from activity.models import Activity
from settings_app import api_key, hub_token, preferences
from tests.settings_app.conftest import GOOD_TOKEN, a_browser

pytestmark = pytest.mark.django_db


def ask(client: Client, method: str, path: str = "", body: Any = None) -> tuple[int, Any]:
    sent = "" if body is None else json.dumps(body)
    answer = client.generic(method, f"/api/settings{path}", sent, "application/json" if sent else "")
    return answer.status_code, answer.json()


def test_every_setting_and_its_source(owner, settings):
    preferences.store("disk_quota", "200GB")
    settings.HF_TOKEN = GOOD_TOKEN
    status, answer = ask(owner, "GET")
    expected = {
        "theme": "dark",
        "hf_token_set": True,
        "hf_token_source": "env",
        "activity_retention_days": 30,
        "connections": 8,
        "rate_limit": 0,
        "disk_reserve": 2_000_000_000,
        "disk_quota": 200_000_000_000,
        "comfyui_url": "http://127.0.0.1:8188",
        "comfyui_public_url": "",
        "log_generations": True,
        "sources": {key: "stored" if key == "disk_quota" else "default" for key in preferences.PREFERENCES},
    }
    assert status == 200 and answer.items() >= expected.items()
    assert answer.keys() == expected.keys() | preferences.PREFERENCES.keys()


def test_a_setting_is_changed(owner):
    assert ask(owner, "PATCH", body={"key": "connections", "value": 4}) == (200, {"status": "ok", "key": "connections"})
    assert preferences.get("connections") == 4


@pytest.mark.parametrize(
    "body",
    [
        {"key": "nope", "value": 1},
        {"key": "connections", "value": 99},
        {"key": "connections", "value": True},
        {"key": "theme", "value": {"a": [1]}},
        {"key": "hf_token", "value": GOOD_TOKEN},
        {"key": "api_key", "value": "x"},
        {"key": "theme"},
        {"value": "dark"},
        {},
        [],
        "text",
        7,
    ],
)
def test_a_bad_change_is_400_with_a_sentence_and_changes_nothing(owner, body):
    before = ask(owner, "GET")
    status, answer = ask(owner, "PATCH", body=body)
    assert status == 400 and answer["detail"].endswith(".") and GOOD_TOKEN not in str(answer)
    assert ask(owner, "GET") == before and not Activity.objects.exists()


def test_what_the_environment_decides_is_409(owner, monkeypatch):
    monkeypatch.setenv("COMFYUI_URL", "http://10.0.0.9:8188")
    status, answer = ask(owner, "PATCH", body={"key": "comfyui_url", "value": ""})
    assert status == 409 and "COMFYUI_URL" in answer["detail"]
    assert ask(owner, "GET")[1]["sources"]["comfyui_url"] == "env"


def test_the_life_of_the_token(owner, hub):
    validate = "/hf-token/validate"
    assert ask(owner, "POST", validate)[1]["valid"] is False
    assert ask(owner, "POST", validate, {"token": GOOD_TOKEN}) == (
        200,
        {"valid": True, "username": "ada", "role": "read"},
    )
    assert hub_token.hub_token() == ""
    status, answer = ask(owner, "POST", "/hf-token", {"token": GOOD_TOKEN})
    assert (status, answer["status"]) == (200, "ok") and answer["message"]
    assert hub_token.hub_token() == GOOD_TOKEN
    assert ask(owner, "POST", validate)[1]["valid"] is True
    assert ask(owner, "POST", validate, {"token": "hf_other"})[1] == {
        "valid": False,
        "error": "127.0.0.1 does not know this token: mistyped, expired or revoked. Make a new one there.",
    }
    assert ask(owner, "DELETE", "/hf-token")[1]["status"] == "ok"
    assert hub_token.hub_token() == ""


@pytest.mark.parametrize("body", [{"token": token} for token in ("", "abc", None, 5, GOOD_TOKEN + "\n!")] + [[], {}, 7])
def test_what_is_no_token_is_400(owner, body):
    assert ask(owner, "POST", "/hf-token", body)[0] == 400


@pytest.mark.parametrize("body", [[], [None], "text", 7, {"token": 5}])
def test_what_is_no_question_about_a_token_is_400(owner, body):
    assert ask(owner, "POST", "/hf-token/validate", body)[0] == 400


def test_a_hub_in_trouble_is_503_and_named(owner, hub):
    hub.answers[GOOD_TOKEN] = (502, {}, b"")
    status, answer = ask(owner, "POST", "/hf-token/validate", {"token": GOOD_TOKEN})
    assert status == 503 and "127.0.0.1" in answer["detail"]


def test_the_life_of_the_key(owner):
    assert ask(owner, "GET", "/api-key") == (200, {"set": False, "created_at": None})
    key = ask(owner, "POST", "/api-key")[1]["key"]
    script = Client(SERVER_NAME="localhost", headers={"Authorization": f"Bearer {key}"}, enforce_csrf_checks=True)
    status, answer = ask(script, "GET", "/api-key")
    assert status == 200 and answer["set"] and answer["created_at"].endswith("Z")
    assert ask(script, "PATCH", body={"key": "theme", "value": "light"})[0] == 200
    assert ask(script, "DELETE", "/api-key") == (200, {"status": "ok"})
    assert ask(script, "GET", "/api-key")[0] == 401


def test_the_key_of_the_environment_cannot_be_changed(owner, settings):
    settings.API_KEY = "k" * 30
    assert ask(owner, "GET", "/api-key") == (200, {"set": True, "created_at": None})
    assert {ask(owner, method, "/api-key")[0] for method in ("POST", "DELETE")} == {409}


def test_a_stranger_gets_nothing(client, db):
    calls = [
        ("GET", ""),
        ("PATCH", ""),
        ("POST", "/hf-token"),
        ("POST", "/hf-token/validate"),
        ("DELETE", "/hf-token"),
        ("GET", "/api-key"),
        ("POST", "/api-key"),
        ("DELETE", "/api-key"),
    ]
    assert {ask(client, method, path)[0] for method, path in calls} == {401}
    assert not api_key.status().is_set


def test_a_session_without_the_csrf_token_changes_nothing(owner):
    other_site = a_browser(enforce_csrf_checks=True)
    other_site.cookies = owner.cookies
    assert other_site.post("/api/settings/api-key").status_code == 403
    assert not api_key.status().is_set
