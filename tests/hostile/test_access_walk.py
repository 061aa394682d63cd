"""A stranger reaches the login, the health answer and static files, and nothing else: every address is tried."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.sessions.models import Session
from django.contrib.staticfiles.storage import staticfiles_storage
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern, RoutePattern

from comfydash.asgi import application
from downloads import consumers
from settings_app import api_key
from settings_app.administrator import administrator

pytestmark = pytest.mark.django_db

HOST = "localhost"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

# What strangers may see. The link logs in by its secret; logging out twice is no harm.
OPEN = {
    "/login/",
    "/login/link/x/",
    "/logout/",
    "/healthz",
    "/livez",
    "/admin/login/",
}
SAMPLES = {
    "workflow": "local:a.json",
    "int": "1",
    "str": "x",
    "slug": "x",
    "path": "a/b",
    "uuid": "0" * 8 + "-0000-4000-8000-" + "0" * 12,
}


def addresses(patterns: list[Any], before: str = "/") -> Iterator[str]:
    """An example of each address that the resolver knows."""
    for pattern in patterns:
        here = before + example(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, here)
        else:
            assert isinstance(pattern, URLPattern)
            yield re.sub("//+", "/", here)


def example(pattern: Any) -> str:
    if isinstance(pattern, RoutePattern):
        return re.sub(r"<(?:(\w+):)?\w+>", lambda found: SAMPLES[found[1] or "str"], str(pattern))
    assert isinstance(pattern, RegexPattern)
    text = re.sub(r"\(\?P<\w+>(?:\[[^]]*\]|[^()])*\)", "activity", str(pattern))
    return text.lstrip("^").removesuffix("$").removesuffix(r"\Z").replace("\\", "")


ADDRESSES = sorted(set(addresses(get_resolver().url_patterns)))


def test_the_walk_sees_pages_api_and_admin() -> None:
    known = {"/", "/storage/delete/", "/downloads/", "/models/", "/api/storage", "/api/openapi.json", "/admin/"}
    assert known <= set(ADDRESSES)
    assert set(ADDRESSES) >= OPEN, "OPEN names what does not exist"


@pytest.mark.parametrize("address", [address for address in ADDRESSES if address not in OPEN])
def test_a_stranger_is_turned_away(address: str) -> None:
    stranger = Client(SERVER_NAME=HOST, enforce_csrf_checks=True)
    for method in METHODS:
        answer = stranger.generic(method, address)
        if answer.status_code == 405 and address.startswith("/api/"):
            continue  # the address does not know the method, whoever asks
        if answer.status_code == 404 and address == "/api/":
            continue  # the API's root is a name without a page
        if method in {"POST", "PUT", "PATCH", "DELETE"} and answer.status_code == 403:
            continue  # without the token of a form it ends even earlier
        if address.startswith("/api/") and address not in {"/api/openapi.json", "/api/docs"}:
            assert answer.status_code == 401, (method, answer.status_code)
            assert set(answer.json() if method != "HEAD" else {}) <= {"detail", "errors"}
        else:
            assert answer.status_code == 302, (method, answer.status_code)
            assert re.match(r"(/admin)?/login/", answer["Location"]), answer["Location"]


@pytest.mark.parametrize("address", [address for address in ADDRESSES if address.startswith("/api/")])
def test_a_wrong_key_is_no_key(address: str) -> None:
    answer = Client(SERVER_NAME=HOST).get(address, headers={"Authorization": "Bearer cd_wrong"})
    assert answer.status_code in {401, 405, 302} or (address, answer.status_code) == ("/api/", 404)


@pytest.mark.django_db(transaction=True)  # the health answer closes its connection
@pytest.mark.parametrize("address", sorted(OPEN))
def test_what_is_open_says_nothing_about_the_machine(address: str, settings: Any) -> None:
    answer = Client(SERVER_NAME=HOST).get(address, follow=True)
    for secret in (settings.DATA_DIR, settings.MODELS_DIR, settings.SECRET_KEY):
        assert str(secret) not in answer.content.decode()


def test_static_files_need_no_login() -> None:
    answer = Client(SERVER_NAME=HOST).get(staticfiles_storage.url("comfydash/comfydash.css"))
    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (200, "text/css")
    answer.close()


@pytest.mark.parametrize(
    "address", ["/data/dashboard.db", "/static/../data/dashboard.db", "/static/%2e%2e/data/secret_key"]
)
def test_the_data_folder_has_no_address(address: str) -> None:
    assert Client(SERVER_NAME=HOST).get(address).status_code in {400, 404}


# --- the socket -----------------------------------------------------------------------------------------------------


def hears(path: str = "/ws/dashboard", **headers: str) -> str | int:
    """The type of the first message; the code of the close when there is none; "refused" without a handshake."""

    async def knock() -> str | int:
        sent = {"host": HOST, **headers}
        lines = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
        socket = WebsocketCommunicator(application, path, headers=lines)
        connected, _ = await socket.connect(timeout=5)
        if not connected:
            return "refused"
        first = await socket.receive_output(timeout=5)
        await socket.disconnect()
        return int(first["code"]) if first["type"] == "websocket.close" else str(json.loads(first["text"])["type"])

    return async_to_sync(knock)()


def session_cookie() -> str:
    client = Client(SERVER_NAME=HOST)
    client.force_login(administrator())
    return "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())


@pytest.mark.django_db(transaction=True)
def test_the_socket_opens_for_the_login_and_for_the_key() -> None:
    assert hears(cookie=session_cookie(), origin=f"http://{HOST}") == "snapshot"
    assert hears(authorization=f"Bearer {api_key.create()}") == "snapshot"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": f"http://{HOST}"},
        {"authorization": "Bearer wrong"},
        {"cookie": "comfydash_session=abcdefghijklmnopqrstuvwxyz012345"},
        {"host": "evil.example", "origin": "http://evil.example"},
    ],
)
def test_the_socket_stays_shut_for_strangers(headers: dict[str, str]) -> None:
    assert hears(**headers) in {4401, "refused"}  # 4401: accepted, told to log in, and closed


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        f"http://{HOST}:8188",  # a page of the ComfyUI beside us
        f"https://{HOST}",
        f"http://{HOST}.evil.example",
        "null",
        "",
        "file://",
    ],
)
def test_the_socket_stays_shut_for_foreign_pages(origin: str) -> None:
    assert hears(cookie=session_cookie(), origin=origin) == "refused"


def a_new_key() -> None:
    api_key.create()


def another_password() -> None:
    user = administrator()
    user.set_password("another one altogether")
    user.save()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("way", "end"),
    [
        ("session", lambda: Session.objects.all().delete()),
        ("session", another_password),
        ("key", a_new_key),
        ("key", api_key.delete),
    ],
    ids=["logged out", "another password", "a new key", "no key"],
)
def test_a_socket_ends_with_the_login_that_opened_it(way: str, end: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "HEARTBEAT", 0.05)
    headers = {"host": HOST}
    if way == "session":
        headers |= {"cookie": session_cookie(), "origin": f"http://{HOST}"}
    else:
        headers["authorization"] = f"Bearer {api_key.create()}"

    async def story() -> int:
        lines = [(name.encode(), value.encode()) for name, value in headers.items()]
        socket = WebsocketCommunicator(application, "/ws/dashboard", headers=lines)
        await socket.connect(timeout=5)
        while "heartbeat" not in (await socket.receive_output(timeout=20)).get("text", ""):
            pass
        await sync_to_async(end)()
        for _ in range(50):  # heartbeats that were on their way
            if (message := await socket.receive_output(timeout=20))["type"] == "websocket.close":
                break
        await socket.disconnect()
        return int(message.get("code", 0))

    assert async_to_sync(story)() == 4401


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/ws/", "/ws/dashboard/", "/ws/other", "/"])
def test_there_is_one_socket(path: str) -> None:
    assert hears(path, cookie=session_cookie(), origin=f"http://{HOST}") == "refused"
