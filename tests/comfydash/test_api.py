"""What holds for every call of the JSON API."""

from __future__ import annotations

import pytest
from django.test import Client

from settings_app.administrator import administrator

pytestmark = pytest.mark.django_db


@pytest.fixture
def script(settings):
    """A script with a valid API key."""
    settings.API_KEY = "test-key-0123456789abcdef01234567"
    return Client(SERVER_NAME="localhost", headers={"authorization": f"Bearer {settings.API_KEY}"})


def test_without_login_each_call_is_401_with_a_sentence():
    answer = Client(SERVER_NAME="localhost").get("/api/presets/")
    assert (answer.status_code, "API key" in answer.json()["detail"]) == (401, True)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_body_that_does_not_say_json_is_refused(script, content_type):
    answer = script.generic("PATCH", "/api/settings", b'{"key": "theme", "value": "light"}', content_type=content_type)

    assert answer.status_code == 400
    assert "application/json" in answer.json()["detail"]
    assert script.get("/api/settings").json()["theme"] == "dark"


@pytest.mark.parametrize("body", [b"", b"{", b'"x"', b"[" * 100_000, b"\xff\xfe", b"null"])
def test_a_body_that_cannot_be_read_is_400(script, body):
    answer = script.generic("PATCH", "/api/settings", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_bad_fields_are_400_and_named(script):
    answer = script.get("/api/downloads/history?limit=x&offset=-1&status=odd")

    assert answer.status_code == 400
    assert [error.split(":")[0] for error in answer.json()["errors"]] == ["status", "limit", "offset"]


def test_an_unknown_path_is_404_as_json(script):
    answer = script.get("/api/nothing/here")
    assert answer.status_code == 404
    assert answer.json()["detail"]


def test_a_session_needs_the_csrf_token_and_a_key_does_not(settings):
    settings.API_KEY = "test-key-0123456789abcdef01234567"
    browser = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
    browser.force_login(administrator())
    body = {"key": "theme", "value": "light"}

    assert browser.patch("/api/settings", body, content_type="application/json").status_code == 403
    key = {"authorization": f"Bearer {settings.API_KEY}"}
    assert browser.patch("/api/settings", body, content_type="application/json", headers=key).status_code == 200


def test_a_script_reads_the_api_description_with_its_key(script):
    assert script.get("/api/openapi.json").json()["info"]["title"] == "ComfyDash"
    stranger = Client(SERVER_NAME="localhost", headers={"authorization": "Bearer wrong"})
    assert stranger.get("/api/openapi.json").status_code == 302


@pytest.mark.parametrize(
    ("following", "place"),
    [
        ("/admin/activity/activity/", "/admin/activity/activity/"),
        ("https://evil.example/", "/admin/"),
        ("//evil.example", "/admin/"),
        ("/admin/login/?next=/admin/login/", "/admin/"),
        ("", "/admin/"),
    ],
)
def test_the_admins_login_leads_back_to_where_one_wanted(following, place):
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(administrator())
    assert browser.get("/admin/login/", {"next": following})["Location"] == place


def test_the_history_is_asked_for_without_limit_and_offset(script):
    assert script.get("/api/downloads/history").json() == {"total": 0, "downloads": []}
    assert script.get("/api/downloads/history?limit=5").status_code == 200


def test_a_wrong_method_is_refused_as_json(script):
    answer = script.get("/api/presets/refresh")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert answer.json()["detail"] == "GET is not possible here. Possible: POST."
