"""A proxy on loopback that knows CONNECT and nothing else."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class ConnectProxy:
    url: str
    asked: list[str] = field(default_factory=list)  # the first line of each request


@contextmanager
def connect_proxy() -> Iterator[ConnectProxy]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline().decode()
            proxy.asked.append(line.strip())
            while self.rfile.readline() not in {b"\r\n", b""}:
                pass
            host, _, port = line.split()[1].partition(":")
            with socket.create_connection((host, int(port))) as target:
                self.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pass_on, args=(target, self.connection), daemon=True)
                back.start()
                _pass_on(self.connection, target)
                back.join()

    class Listener(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True
        block_on_close = False

    listener = Listener(("127.0.0.1", 0), Handler)
    proxy = ConnectProxy(f"http://127.0.0.1:{listener.server_address[1]}")
    threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield proxy
    finally:
        listener.shutdown()
        listener.server_close()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(64 << 10):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
