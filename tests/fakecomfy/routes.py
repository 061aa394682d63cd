"""What stands before every route, and which route answers what."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.fakecomfy import offered, queueing, remembered, system, userdata
from tests.fakecomfy.question import File, Question, Refused

if TYPE_CHECKING:
    from tests.fakecomfy.server import FakeComfy

ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", r"/", system.page),
    ("GET", r"/system_stats", system.system_stats),
    ("GET", r"/prompt", system.remaining),
    ("POST", r"/prompt", queueing.prompt),
    ("GET", r"/queue", queueing.queue),
    ("POST", r"/queue", queueing.change_queue),
    ("POST", r"/interrupt", queueing.interrupt),
    ("GET", r"/history", remembered.history),
    ("POST", r"/history", remembered.change_history),
    ("GET", r"/history/([^/]+)", remembered.history_of),
    ("GET", r"/api/jobs", remembered.jobs),
    ("GET", r"/api/jobs/([^/]+)", remembered.job),
    ("GET", r"/view", remembered.view),
    ("GET", r"/users", userdata.users),
    ("GET", r"/userdata/([^/]+)", userdata.read),
    ("POST", r"/userdata/([^/]+)", userdata.write),
    ("DELETE", r"/userdata/([^/]+)", userdata.delete),
    ("GET", r"/models", offered.kinds),
    ("GET", r"/models/([^/]+)", offered.models),
    ("GET", r"/experiment/models", offered.model_folders),
    ("GET", r"/internal/folder_paths", offered.folder_paths),
    ("GET", r"/object_info", offered.object_info),
    ("GET", r"/object_info/([^/]+)", offered.object_info),
    ("GET", r"/templates/index\.json", offered.template_index),
    ("GET", r"/templates/([^/]+)\.json", offered.template),
    ("GET", r"/api/workflow_templates/([^/]+)/([^/]+)\.json", offered.pack_template),
]
ONLY_WITH_API = ("/api/jobs", "/api/workflow_templates/")
ONLY_WITHOUT = ("/api/internal/", "/api/templates/")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: the second would wait 40 ms for an ACK
    server: Any

    @property
    def fake(self) -> FakeComfy:
        return self.server.fake  # type: ignore[no-any-return]

    def log_message(self, format: str, *args: Any) -> None:
        """The log of requests is kept by the fake."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        from tests.fakecomfy.server import Request

        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.fake.log.append(Request(method, self.path, dict(self.headers), self.client_address[1]))
        self.fake.wait_if_hanging()
        try:
            self._gate()
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            with self.fake.jobs.lock:
                found = _route(method, parts.path.removeprefix(self.fake.prefix))(
                    Question(self.fake, query, dict(self.headers), data)
                )
                body = found.data if isinstance(found, File) else b"" if found is None else json.dumps(found).encode()
        except Refused as refused:
            self._send(refused.status, refused.body, refused.kind)
        else:
            self._send(200, body, found.kind if isinstance(found, File) else "application/json")

    def _gate(self) -> None:
        """The proxy's login, the rules on origin, whoever else holds the port."""
        fake = self.fake
        if fake.login:
            wanted = "Basic " + base64.b64encode(":".join(fake.login).encode()).decode()
            if self.headers.get("Authorization") != wanted:
                raise Refused(401)
        if self.path.partition("?")[0] in fake.fixed:
            raise Refused(*fake.fixed[self.path.partition("?")[0]])
        if fake.html:
            raise Refused(200, b"<!doctype html><title>Something else</title>")
        if fake.profile != "0.3.64" and self.headers.get("Sec-Fetch-Site") == "cross-site":
            raise Refused(403)
        origin = urlsplit(self.headers.get("Origin", "")).netloc  # "null" has none and passes
        if origin and origin != self.headers.get("Host"):
            raise Refused(403)

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.fake.sent += len(body)
        if self.fake.trickle:
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                self.fake._released.wait(0.02)
        else:
            self.wfile.write(body)


def _route(method: str, path: str) -> Callable[[Question], Any]:
    """The function that answers, its groups filled in. Nearly every route stands at ``/api/…`` too."""
    if path.startswith(ONLY_WITHOUT):
        raise Refused(404)
    if path.startswith("/api/") and not path.startswith(ONLY_WITH_API):
        path = path.removeprefix("/api")
    there = False
    for wanted, pattern, answer in ROUTES:
        if match := re.fullmatch(pattern, path):
            there = True
            if wanted == method:
                return lambda ask: answer(ask, *match.groups())
    raise Refused(405, b"405: Method Not Allowed") if there or method != "GET" else Refused(404)
