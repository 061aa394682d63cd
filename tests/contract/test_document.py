"""The OpenAPI document has every call, and says how each may end."""

from __future__ import annotations

import pytest

from tests.contract.caller import Script, description, operation

pytestmark = pytest.mark.django_db

VERBS = ["pause", "resume", "cancel", "retry", "skip", "move"]
CALLS = {
    ("GET", "/api/presets/"): {200, 400},
    ("GET", "/api/presets/categories/list"): {200},
    ("POST", "/api/presets/refresh"): {200, 400, 503},
    ("GET", "/api/presets/queue/status"): {200},
    ("GET", "/api/presets/P"): {200, 404},
    ("GET", "/api/presets/P/status"): {200, 404},
    ("POST", "/api/presets/P/install"): {200, 400, 404},
    **{("POST", f"/api/presets/P/{verb}"): {200, 400, 404, 409} for verb in VERBS},
    ("DELETE", "/api/presets/P/files"): {200, 404, 409},
    ("GET", "/api/downloads/history"): {200, 400},
    ("GET", "/api/downloads/1"): {200, 404},
    **{("POST", f"/api/downloads/1/{verb}"): {200, 400, 404, 409} for verb in VERBS},
    ("POST", "/api/downloads/retry-failed"): {200},
    ("GET", "/api/settings"): {200},
    ("PATCH", "/api/settings"): {200, 400, 409},
    ("POST", "/api/settings/hf-token"): {200, 400},
    ("POST", "/api/settings/hf-token/validate"): {200, 400, 503},
    ("DELETE", "/api/settings/hf-token"): {200},
    ("GET", "/api/settings/api-key"): {200},
    ("POST", "/api/settings/api-key"): {200},
    ("DELETE", "/api/settings/api-key"): {200},
    ("GET", "/api/activity/recent"): {200, 400},
    ("GET", "/api/activity/export"): {200, 400},
    ("POST", "/api/activity/clear"): {200},
    ("GET", "/api/workflows/templates"): {200},
    ("GET", "/api/workflows/templates/local:a/b.json/missing-models"): {200, 404},
    ("POST", "/api/workflows/scan"): {200, 400, 413},
    ("POST", "/api/workflows/templates/local:a/b.json/install"): {200, 404, 409},
    ("POST", "/api/workflows/templates/local:a/b.json/fix"): {200, 404, 409},
    ("POST", "/api/workflows/save"): {200, 400, 413},
    ("GET", "/api/workflows/plan"): {200, 400},
    ("GET", "/api/storage"): {200},
    ("DELETE", "/api/storage/file"): {200, 404, 409},
    ("DELETE", "/api/storage/partial"): {200, 404, 409},
    ("GET", "/api/comfyui/status"): {200},
}


@pytest.mark.parametrize(("method", "path"), CALLS, ids=lambda value: value)
def test_each_call_says_how_it_may_end(method: str, path: str) -> None:
    documented = {int(status) for status in operation(method, path).responses}
    assert documented >= CALLS[method, path] | {401, 403}
    assert 422 not in documented


def test_every_refusal_has_a_sentence(script: Script) -> None:
    problem = description()["components"]["schemas"]["Problem"]
    assert problem["properties"]["detail"]["type"] == "string"
    for methods in description()["paths"].values():
        for facts in methods.values():
            for status, answer in facts["responses"].items():
                if int(status) >= 400:
                    assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_the_explorer_and_the_document_are_behind_the_login(script: Script) -> None:
    script.client.defaults.pop("HTTP_AUTHORIZATION", None)
    stranger = type(script.client)(SERVER_NAME="localhost")
    for path in ("/api/openapi.json", "/api/docs"):
        assert stranger.get(path).status_code in {302, 401}, path
