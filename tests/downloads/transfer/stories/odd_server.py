"""A server of raw bytes, for what the fake Hub is too well-mannered to do."""

from __future__ import annotations

import hashlib
import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser

from tests.fakehub import safetensors_bytes


@dataclass
class Talk:
    """One request, and what can be said to it. `number` counts requests, `of_connection` those of this connection."""

    server: OddServer
    sock: socket.socket
    path: str
    headers: Message
    number: int
    of_connection: int

    def send(self, status: str, body: bytes = b"", **headers: object) -> None:
        """An answer; Content-Length is the body's unless it is given, "" leaves it out."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named = {"Content-Length": len(body), **named}
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in named.items() if value != "")]
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    @property
    def asked(self) -> tuple[int, int] | None:
        """The half-open range that was asked for."""
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        size = len(self.server.data)
        return (int(found[1]), min(size, int(found[2] or size - 1) + 1)) if found else None

    def send_file(self, *, shorter: int = 0, longer: int = 0, total: str = "", **headers: object) -> None:
        """What was asked for, correctly; at most `shorter` bytes, or `longer` more than was asked."""
        data = self.server.data
        if self.asked is None:
            self.send("200 OK", data, **headers)
            return
        start, end = self.asked
        end = min(len(data), end + longer, start + shorter if shorter else len(data))
        span = f"bytes {start}-{end - 1}/{total or len(data)}"
        self.send("206 Partial Content", data[start:end], **{"Content_Range": span, **headers})

    def hang_up(self) -> None:
        raise ConnectionAbortedError


class OddServer:
    """`serve` answers each request; the connection is kept until it hangs up."""

    def __init__(
        self,
        serve: Callable[[Talk], None],
        data: bytes,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.data = data
        self.asked: list[Talk] = []
        odd, lock = self, threading.Lock()

        class Handler(socketserver.StreamRequestHandler):
            def setup(self) -> None:
                if tls:
                    self.request = tls.wrap_socket(self.request, server_side=True)
                super().setup()

            def finish(self) -> None:
                super().finish()
                self.connection.close()

            def handle(self) -> None:
                for of_connection in range(1_000_000):
                    line = self.rfile.readline().decode("latin-1")
                    if not line:
                        return
                    head = b""
                    while (more := self.rfile.readline()) not in {b"\r\n", b""}:
                        head += more
                    with lock:
                        headers = BytesParser().parsebytes(head)
                        talk = Talk(odd, self.connection, line.split()[1], headers, len(odd.asked), of_connection)
                        odd.asked.append(talk)
                    try:
                        serve(talk)
                    except OSError:  # the client went, or we do
                        return

        class Listener(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True
            block_on_close = False
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        self._listener = Listener((host, 0), Handler)
        port = self._listener.server_address[1]
        self.url = f"http{'s' if tls else ''}://{f'[{host}]' if ':' in host else host}:{port}"
        threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def close(self) -> None:
        self._listener.shutdown()
        self._listener.server_close()


@contextmanager
def odd_server(
    serve: Callable[[Talk], None],
    size: int = 6_000_000,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> Iterator[OddServer]:
    server = OddServer(serve, safetensors_bytes(size, seed=size), host, tls)
    try:
        yield server
    finally:
        server.close()
