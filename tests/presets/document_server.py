"""A web server on loopback that sends documents, well or badly, as the test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


class DocumentServer:
    """``answers`` by path; ``requests`` keeps path and headers of what was asked."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.ending = threading.Event()

    def put(self, path: str, body: bytes, status: int = 200, **headers: str) -> str:
        """Send this body; the address of it. Header names have _ for -."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            sent = {
                "Content-Length": str(len(body)),
                **{name.replace("_", "-"): text for name, text in headers.items()},
            }
            for name, text in sent.items():
                request.send_header(name, text)
            request.end_headers()
            request.wfile.write(body)

        self.answers[path] = answer
        return self.url + path

    def redirect(self, path: str, target: str) -> str:
        return self.put(path, b"", 302, Location=target)

    def trickle(self, path: str) -> str:
        """A byte now and then, without end: no read ever times out."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.end_headers()
            while not self.ending.wait(0.02):
                request.wfile.write(b"#")
                request.wfile.flush()

        self.answers[path] = answer
        return self.url + path


@contextmanager
def document_server() -> Iterator[DocumentServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.requests.append((self.path, dict(self.headers)))
            try:
                server.answers[self.path](self)
            except (BrokenPipeError, ConnectionResetError):
                pass

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        server = DocumentServer(listener.server_address[1])
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.ending.set()
            listener.shutdown()
            thread.join()
