"""What the API refuses, and how. Each answer is held against the OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from comfydash.api import api
from settings_app.administrator import administrator
from tests.contract.caller import KEY, Script

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("two_presets")]


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
