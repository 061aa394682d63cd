"""A request as the routes see it, and the answers that are no JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fakecomfy.server import FakeComfy
    from tests.fakecomfy.state import Jobs

CRASH = b"500 Internal Server Error\n\nServer got itself in trouble"


class Refused(Exception):
    """Ends the request with this status: a refusal, or an answer that is none of the usual."""

    def __init__(self, status: int, body: bytes | dict[str, Any] = b"") -> None:
        self.status = status
        self.kind = "application/json" if isinstance(body, dict) else "text/plain"
        self.body = json.dumps(body).encode() if isinstance(body, dict) else body


@dataclass(frozen=True)
class File:
    """An answer that is a file or a page."""

    data: bytes
    kind: str


@dataclass(frozen=True)
class Question:
    fake: FakeComfy
    query: dict[str, str]
    headers: Mapping[str, str]
    data: bytes

    @property
    def jobs(self) -> Jobs:
        return self.fake.jobs

    @property
    def is_modern(self) -> bool:
        return self.fake.profile != "0.3.64"

    def json(self) -> dict[str, Any]:
        try:
            found = json.loads(self.data)
        except ValueError:
            raise Refused(500, CRASH) from None
        if not isinstance(found, dict):
            raise Refused(500, CRASH)
        return found

    def number(self, name: str) -> int | None:
        """Of the query; what is no number breaks the server, as it does the real one."""
        try:
            return int(self.query[name]) if name in self.query else None
        except ValueError:
            raise Refused(500, CRASH) from None
