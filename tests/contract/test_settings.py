"""/api/settings as somebody from outside would try it. Each answer is held against the OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from settings_app.administrator import administrator
from tests.contract.caller import Script, words
from tests.fakehub import FakeHub

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("two_presets")]

TOKEN = "hf_" + "t" * 34


def test_settings_are_read_without_any_secret(script: Script) -> None:
    answer = script.get("/api/settings").body
    keys = words(
        "theme activity_retention_days connections rate_limit disk_reserve disk_quota comfyui_url comfyui_public_url "
        "log_generations"
    )
    assert set(answer) >= keys | {"hf_token_set", "hf_token_source", "sources"}
    assert set(answer["sources"]) >= keys
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
