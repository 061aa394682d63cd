"""Users and their files. A path is ONE segment of the address, decoded twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.fakecomfy.question import CRASH, File, Question, Refused


def users(ask: Question) -> dict[str, Any]:
    if ask.fake.users:
        return {"storage": "server", "users": ask.fake.users}
    return {"storage": "server", "migrated": True}


def read(ask: Question, segment: str) -> File:
    file = _file(ask, segment)
    if not file.is_file():
        raise Refused(404)
    return File(file.read_bytes(), "application/json")


def write(ask: Question, segment: str) -> dict[str, Any] | str:
    file = _file(ask, segment)
    if file.exists() and ask.query.get("overwrite") == "false":
        raise Refused(409, b"File already exists")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(ask.data)
    path = unquote(unquote(segment))
    if "full_info" not in ask.query:
        return path
    changed = file.stat().st_mtime
    when = int(changed * 1000) if ask.is_modern else changed
    return {"path": path, "size": len(ask.data), "modified": when, "created": when}


def delete(ask: Question, segment: str) -> None:
    file = _file(ask, segment)
    if not file.is_file():
        raise Refused(404)
    file.unlink()
    raise Refused(204)


def _file(ask: Question, segment: str) -> Path:
    user = ask.headers.get("comfy-user", "") if ask.fake.users else "default"
    if ask.fake.users and user not in ask.fake.users:
        raise Refused(500, CRASH)
    path = unquote(unquote(segment))
    if ".." in path:
        raise Refused(403)
    return ask.fake.root / "user" / user / path
