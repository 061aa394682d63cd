"""A browser that is logged in, one that is not, and a Hub on loopback that answers whoami as it is told."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from django.test import Client

from settings_app import preferences
from settings_app.administrator import administrator, set_password

GOOD_TOKEN = "hf_" + "a" * 30 + "WXYZ"
PASSWORD = "correct horse battery"
WHOAMI = {"name": "ada", "auth": {"accessToken": {"role": "read"}}}


@pytest.fixture(autouse=True)
def _no_memory_of_other_tests() -> Iterator[None]:
    preferences.forget()
    preferences._warned.clear()
    yield
    preferences.forget()


def a_browser(enforce_csrf_checks: bool = False) -> Client:
    return Client(enforce_csrf_checks=enforce_csrf_checks, SERVER_NAME="localhost")


@pytest.fixture
def client() -> Client:
    return a_browser()


@pytest.fixture
def owner(db: None) -> Client:
    client = a_browser()
    client.force_login(administrator())
    return client


@dataclass
class WhoamiHub:
    """``answers`` maps a token to (status, headers, body); others get 401."""

    url: str = ""
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def knows(self, token: str, document: object) -> None:
        self.answers[token] = (200, {"Content-Type": "application/json"}, json.dumps(document).encode())


@pytest.fixture
def hub(settings) -> Iterator[WhoamiHub]:
    hub = WhoamiHub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            hub.asked.append((self.path, token))
            status, headers, body = hub.answers.get(token, (401, {}, b'{"error":"Invalid credentials"}'))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        hub.url = settings.HF_ENDPOINT = f"http://127.0.0.1:{server.server_address[1]}"
        hub.knows(GOOD_TOKEN, WHOAMI)
        yield hub
        server.shutdown()


@pytest.fixture
def password() -> str:
    set_password(PASSWORD)
    return PASSWORD


def logged_in(client: Client) -> bool:
    return client.get("/settings/").status_code == 200
