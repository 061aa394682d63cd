"""A proxy on loopback between a part of the dashboard and a server, which cuts, hangs and delays on command."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType
from typing import Self

PIECE = 65_536  # bytes


class TcpProxy:
    """``address`` is where to connect instead of the server's port."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0
        self.swallowed = threading.Event()  # bytes arrived while it hung
        self.delay = 0.0  # seconds that each piece is held up
        self._flow = threading.Event()  # of the connections that are made now
        self._flow.set()
        self._stranded: list[threading.Event] = []
        self._refuses = False
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for flow in (self._flow, *self._stranded):
            flow.set()
        self._listener.close()
        self._drop_all()

    def hang(self) -> None:
        """Hold every connection, take new ones, and pass nothing on: neither side learns of anything."""
        self.swallowed.clear()
        self._flow.clear()

    def strand(self) -> None:
        """Hold every connection for good; new ones work. So does a firewall that forgot what it let through."""
        self.hang()
        self._stranded.append(self._flow)
        self._flow = threading.Event()
        self._flow.set()

    def cut(self) -> None:
        """End every connection, and each new one at once."""
        self._refuses = True
        self._drop_all()

    def heal(self) -> None:
        """Pass on again, also what was held while it hung."""
        self._refuses = False
        self._flow.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self._refuses:
                client.close()
                continue
            threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        with self._lock:
            self._sockets |= {client, server}
        for ends in ((client, server), (server, client)):
            threading.Thread(target=self._pump, args=(*ends, self._flow), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, flow: threading.Event) -> None:
        try:
            while piece := source.recv(PIECE):
                if not flow.is_set():
                    self.swallowed.set()
                    flow.wait()
                if self.delay:
                    time.sleep(self.delay)
                target.sendall(piece)
        except OSError:
            pass
        self._drop({source, target})

    def _drop_all(self) -> None:
        with self._lock:
            sockets = set(self._sockets)
        self._drop(sockets)

    def _drop(self, sockets: set[socket.socket]) -> None:
        with self._lock:
            self._sockets -= sockets
        for each in sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()
