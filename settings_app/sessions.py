"""Where the administrator is logged in, and how to end that.

By hand, not django-user-sessions: it replaces the session table, and little is shown here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.contrib.auth import HASH_SESSION_KEY, login
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from settings_app.administrator import BACKEND, administrator
from settings_app.login_throttle import client_of

NOTE = "login"  # the key in the session under which this module keeps when, from where and how
Way = Literal["password", "link"]


@dataclass(frozen=True)
class OpenSession:
    id: str  # names the session on a page; the session's own key would let in
    since: datetime | None
    client: str
    browser: str
    way: str
    is_this: bool


def begin(request: HttpRequest, way: Way) -> None:
    login(request, administrator(), backend=BACKEND)
    request.session[NOTE] = {
        "since": timezone.now().isoformat(timespec="seconds"),
        "client": client_of(request),
        "browser": _browser(request.headers.get("User-Agent", "")),
        "way": way,
    }


def came_by_link(request: HttpRequest) -> bool:
    return bool(_note(request.session.get(NOTE)).get("way") == "link")


def open_sessions(request: HttpRequest) -> list[OpenSession]:
    """The one of the request first, then the newest."""
    found = []
    for key, data in _live():
        note = _note(data.get(NOTE))
        found.append(
            OpenSession(
                id=_id(key),
                since=_moment(note.get("since")),
                client=str(note.get("client", "")),
                browser=str(note.get("browser", "")),
                way=str(note.get("way", "")),
                is_this=key == request.session.session_key,
            )
        )
    return sorted(found, key=lambda one: (one.is_this, one.since.timestamp() if one.since else 0.0), reverse=True)


def end(request: HttpRequest, id: str) -> bool:
    """End one other session; answers whether there was such a one."""
    keys = [key for key, _ in _live() if _id(key) == id and key != request.session.session_key]
    Session.objects.filter(session_key__in=keys).delete()
    return bool(keys)


def end_others(request: HttpRequest) -> int:
    """End every session but the one of the request; answers how many."""
    deleted, _ = Session.objects.exclude(session_key=request.session.session_key or "").delete()
    return deleted


def _live() -> Iterator[tuple[str, dict[str, Any]]]:
    """Those that still let in: not expired, and begun with the password that counts now."""
    valid = administrator().get_session_auth_hash()
    for session in Session.objects.filter(expire_date__gt=timezone.now()):
        data = session.get_decoded()
        if constant_time_compare(str(data.get(HASH_SESSION_KEY, "")), valid):
            yield session.session_key, data


def _id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _note(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None


def _browser(agent: str) -> str:
    """“Firefox on Linux”: enough to know one's own again. In this order: Edge calls itself Chrome and Safari too."""
    names = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
    systems = {
        "Android": "Android",
        "iPhone": "iPhone",
        "iPad": "iPad",
        "Windows": "Windows",
        "Mac OS": "macOS",
        "Linux": "Linux",
    }
    name = next((name for mark, name in names.items() if mark in agent), "Another program")
    system = next((system for mark, system in systems.items() if mark in agent), "")
    return f"{name} on {system}" if system else name
