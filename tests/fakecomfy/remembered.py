"""What became of jobs: the history, the list without graphs, and the files that they wrote."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote

from tests.fakecomfy.question import CRASH, File, Question, Refused

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
STATUSES = ("pending", "in_progress", "completed", "failed", "cancelled")


def history(ask: Question) -> dict[str, Any]:
    return ask.jobs.newest(ask.number("max_items"), ask.number("offset"))


def history_of(ask: Question, prompt_id: str) -> dict[str, Any]:
    prompt_id = unquote(prompt_id)
    entry = ask.jobs.history.get(prompt_id)
    return {prompt_id: entry} if entry else {}


def change_history(ask: Question) -> None:
    body, entries = ask.json(), ask.jobs.history
    for prompt_id in list(entries) if body.get("clear") else body.get("delete", []):
        entries.pop(prompt_id, None)


def jobs(ask: Question) -> dict[str, Any]:
    _only_modern(ask)
    found = ask.jobs.listed()
    wanted = set(filter(None, ask.query.get("status", "").split(",")))
    if wrong := ", ".join(sorted(wanted - set(STATUSES))):
        valid = ", ".join(STATUSES)
        raise Refused(400, {"error": f"Invalid status value(s): {wrong}. Valid values: {valid}"})
    if wanted:
        found = [job for job in found if job["status"] in wanted]
    offset, limit = max(0, _bound(ask, "offset") or 0), _bound(ask, "limit")
    if limit is not None and limit <= 0:
        raise Refused(400, {"error": "limit must be a positive integer"})
    page = found[offset:] if limit is None else found[offset : offset + limit]
    more = offset + len(page) < len(found)
    return {"jobs": page, "pagination": {"offset": offset, "limit": limit, "total": len(found), "has_more": more}}


def _bound(ask: Question, name: str) -> int | None:
    try:
        return int(ask.query[name]) if name in ask.query else None
    except ValueError:
        raise Refused(400, {"error": f"{name} must be an integer"}) from None


def job(ask: Question, prompt_id: str) -> dict[str, Any]:
    _only_modern(ask)
    for found in ask.jobs.listed():
        if found["id"] == prompt_id:
            return found | ask.jobs.whole(prompt_id)
    raise Refused(404, {"error": "Job not found"})


def _only_modern(ask: Question) -> None:
    if not ask.is_modern:
        raise Refused(404)
    if ask.fake.jobs_broken:
        raise Refused(500, CRASH)


def view(ask: Question) -> File:
    """Every picture and video that is asked for is there; names that lead elsewhere are refused."""
    name, subfolder = ask.query.get("filename", ""), ask.query.get("subfolder", "")
    if name.startswith("/") or ".." in name or ask.query.get("type", "output") not in {"output", "input", "temp"}:
        raise Refused(400)
    if ".." in subfolder:
        raise Refused(403)
    if name.endswith(".png"):
        return File(PNG, "image/png")
    if name.endswith(".mp4"):
        return File(b"\x00\x00\x00\x18ftypmp42", "video/mp4")
    raise Refused(404)
