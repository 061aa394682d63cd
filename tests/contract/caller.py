"""A script that holds each answer it gets against the OpenAPI document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema_rs
from django.test import Client

from comfydash.api import api

KEY = "k" * 40
JSON = "application/json"


@cache
def description() -> dict[str, Any]:
    """The OpenAPI document as plain JSON: that is what readers of it get."""
    served = Client(SERVER_NAME="localhost", headers={"authorization": f"Bearer {KEY}"}).get("/api/openapi.json")
    assert served.status_code == 200, served.content
    document: dict[str, Any] = served.json()
    return document


@dataclass(frozen=True)
class Operation:
    method: str
    template: str
    responses: dict[str, Any]

    def validate(self, status: int, body: Any) -> None:
        """Fails for a status that is not documented and for an answer that is not of the documented shape."""
        documented = self.responses.get(str(status))
        assert documented, f"{self.method} {self.template} answered {status}, which is not documented: {body}"
        schema = documented.get("content", {}).get(JSON, {}).get("schema")
        assert schema, f"{self.method} {self.template} does not say how {status} looks"
        jsonschema_rs.validate({**schema, "components": description()["components"]}, body)


@cache
def operations() -> list[tuple[re.Pattern[str], Operation]]:
    """Those without placeholders first, as a router would have it."""
    found = []
    for template, methods in description()["paths"].items():
        names = "".join(
            re.escape(part) if part[:1] != "{" else (".+" if "template_id" in part else "[^/]+")
            for part in re.split(r"(\{[^}]+\})", template)
        )
        for method, facts in methods.items():
            found.append((re.compile(names), Operation(method.upper(), template, facts["responses"])))
    return sorted(found, key=lambda one: (one[1].template.count("{"), -one[1].template.count("/")))


def operation(method: str, path: str) -> Operation:
    for pattern, found in operations():
        if found.method == method and pattern.fullmatch(path):
            return found
    raise AssertionError(f"{method} {path} is not in the OpenAPI document")


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any

    @property
    def detail(self) -> str:
        """The sentence of a refusal."""
        assert self.status >= 400, self
        detail = self.body["detail"]
        assert isinstance(detail, str), self
        assert detail.rstrip(")”").endswith((".", "…")), f"not a sentence: {detail}"
        return detail

    @property
    def keys(self) -> set[str]:
        return set(self.body)


class Script:
    """Calls with the API key; ``strict=False`` for paths that are none of the document's."""

    def __init__(self) -> None:
        self.client = Client(SERVER_NAME="localhost", headers={"authorization": f"Bearer {KEY}"})

    def ask(self, method: str, path: str, body: Any = None, *, strict: bool = True, **more: Any) -> Answer:
        if body is not None:
            more = {"content_type": JSON, **more, "data": body}
        answer = getattr(self.client, method.lower())(path, **more)
        assert answer.headers["Content-Type"].startswith(JSON), (answer.status_code, answer.content[:300])
        found = Answer(answer.status_code, answer.json())
        if strict:
            operation(method, unquote(urlsplit(path).path)).validate(found.status, found.body)
        if found.status >= 400:
            assert found.detail
        return found

    def get(self, path: str, **more: Any) -> Answer:
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return self.ask("POST", path, body, **more)

    def patch(self, path: str, body: Any = None, **more: Any) -> Answer:
        return self.ask("PATCH", path, body, **more)

    def delete(self, path: str, **more: Any) -> Answer:
        return self.ask("DELETE", path, **more)


def documented_paths() -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, methods in api.get_openapi_schema()["paths"].items() for method in methods}


A, B, SHARED = "checkpoints/a.safetensors", "loras/b.safetensors", "vae/shared.safetensors"


def words(text: str) -> set[str]:
    return set(text.split())


DOWNLOAD_KEYS = words(
    "id preset_id title status reason error_message files_completed files_total bytes_done bytes_total attempts "
    "queued_at started_at completed_at"
)
