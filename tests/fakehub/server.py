"""One of the two servers: a thread per connection, bodies sent by sendfile."""

from __future__ import annotations

import contextlib
import gzip
import os
import select
import socket
import struct
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakehub import answers, control
from tests.fakehub.answers import Answer
from tests.fakehub.faults import Asked, Fault, Gate
from tests.fakehub.hub import FakeHub

RUN = 8 << 20  # bytes handed to sendfile at a time
PACED_RUN = 64 << 10
NO_FAULT = Fault()


class Server:
    def __init__(self, hub: FakeHub, origin: str, port: int) -> None:
        handler = type("Handler", (_Handler,), {"hub": hub, "origin": origin})
        self._http = _HTTPServer((hub.address, port), handler)
        if hub.tls:
            # Handshakes belong into the thread of the connection, not into the one that accepts.
            self._http.socket = hub.tls.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name=f"fake-{origin}")
        self._thread.daemon = True
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.close_clients()
        self._http.server_close()
        self._thread.join()


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: Any) -> None:
        self.clients: set[socket.socket] = set()
        super().__init__(address, handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        client, address = super().get_request()
        self.clients.add(client)
        return client, address

    def shutdown_request(self, request: Any) -> None:
        self.clients.discard(request)
        super().shutdown_request(request)

    def close_clients(self) -> None:
        for client in list(self.clients):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what this server is for."""


class _Cut(Exception):
    """The connection ends here."""


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    origin: str
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_GET

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not (self.hub.control and urlsplit(self.path).path == "/__control__"):
            self.send_error(405)
            return
        reply = control.obey(self.hub, body)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *args: Any) -> None:
        """The log is `FakeHub.log`."""

    # --- one answer ------------------------------------------------------------------------------------------------

    def _answer(self) -> None:
        hub, parts = self.hub, urlsplit(self.path)
        path = unquote(parts.path).lstrip("/")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with hub.lock:
            at_once = hub.at_work[path] = hub.at_work.get(path, 0) + 1
            asked = answers.asked_bytes(self.headers.get("Range", ""))
            token = "Authorization" in self.headers
            fault = next((f for f in hub.faults if f.applies(self.origin, path, asked, at_once, token)), NO_FAULT)
            self.line = Asked(
                origin=self.origin,
                method=self.command,
                host=self.headers.get("Host", ""),
                path=path,
                range=self.headers.get("Range", ""),
                authorization=self.headers.get("Authorization", ""),
                client=self.client_address[0],
                port=self.client_address[1],
            )
            hub.log.append(self.line)
        hub.move(1)
        try:
            if hub.latency or fault.latency:
                hub.closing.wait(hub.latency + fault.latency)
            if fault.refuse:
                raise _Cut
            self._send(answers.answer(hub, self.origin, path, query, self.headers, fault), fault, path)
        except (_Cut, OSError):
            self.close_connection = True
        finally:
            with hub.lock:
                hub.at_work[path] -= 1
                hub.move(-1)

    def _send(self, answer: Answer, fault: Fault, path: str) -> None:
        body, length = answer.content, answer.end - answer.start
        packed = b""
        if fault.gzip and body:
            packed = gzip.compress(body.read(answer.start, answer.end), 1)
            answer.headers["Content-Encoding"], length = "gzip", len(packed)
        self.line.status = answer.status
        self.send_response(answer.status)
        for name, value in {**answer.headers, **fault.headers}.items():
            self.send_header(name, value)
        self.send_header("Last-Modified", formatdate(1_700_000_000, usegmt=True))
        if fault.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif fault.endless or not answer.length:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length + fault.claim))
        self.end_headers()
        if self.command == "HEAD" or not body:
            return
        if packed:
            self.wfile.write(packed)
            self.line.sent += len(packed)
        else:
            self._send_body(answer, fault, path)
        if fault.chunked:
            self.wfile.write(b"0\r\n\r\n")
        if fault.claim > 0:
            raise _Cut

    # --- bytes -----------------------------------------------------------------------------------------------------

    def _send_body(self, answer: Answer, fault: Fault, path: str) -> None:
        self.wfile.flush()
        assert answer.content
        position, end = answer.start, answer.end
        limit = min(
            [at for at in (fault.drop_after, fault.reset_after, fault.stall_after) if at is not None], default=None
        )
        stop = end if limit is None else min(end, answer.start + limit)
        if fault.claim < 0:
            stop = min(stop, end + fault.claim)
        gates = [gate for gate in self.hub.gates if gate.path in path and not gate.is_open]
        paced = fault.trickle or self.hub.speed or self.hub.total_speed
        run = max(1, min(PACED_RUN, fault.trickle // 10 or 1)) if fault.trickle else PACED_RUN if paced else RUN
        while position < stop:
            until = self._pass_gates(gates, position, min(stop, position + run))
            self._send_span(answer, fault, position, until)
            position = until
            if paced:
                self._pace(fault)
        if stop < end and fault.claim >= 0:
            self._end_badly(fault)

    def _pass_gates(self, gates: list[Gate], position: int, until: int) -> int:
        """Stop exactly before a gate's byte, and wait when that is the next one."""
        for gate in gates:
            if gate.is_open:
                continue
            if position == gate.at_byte:
                self.hub.move(-1)
                gate.wait()
                self.hub.move(1)
                if not self.hub.tls and self._client_left():
                    raise _Cut  # else what the system takes for nobody counts as sent
            elif position < gate.at_byte < until:
                until = gate.at_byte
        return until

    def _send_span(self, answer: Answer, fault: Fault, start: int, end: int) -> None:
        assert answer.content
        if fault.chunked:
            self.wfile.write(b"%x\r\n" % (end - start))
        if fault.flip is not None and start <= fault.flip < end:
            data = bytearray(answer.content.read(start, end))
            data[fault.flip - start] ^= 1
            self.wfile.write(data)
            self.line.sent += len(data)
        else:
            while start < end:
                handle, offset, count = answer.content.span(start, end)
                sent = self._sendfile(handle, offset, count)
                start += sent
                self.line.sent += sent
                self.line.moments.append(time.monotonic())
        if fault.chunked:
            self.wfile.write(b"\r\n")

    def _sendfile(self, handle: int, offset: int, count: int) -> int:
        if self.hub.tls:
            return int(self.connection.send(os.pread(handle, count, offset)))
        return os.sendfile(self.connection.fileno(), handle, offset, count)

    def _pace(self, fault: Fault) -> None:
        hub = self.hub
        rate = fault.trickle or hub.speed
        if rate:
            now = time.monotonic()
            started = self.__dict__.setdefault("_started", now)
            self._started: float = max(started, now - 0.05)
            run = max(1, min(PACED_RUN, fault.trickle // 10 or 1)) if fault.trickle else PACED_RUN
            self._started += run / rate
            if self._started > now:
                hub.closing.wait(self._started - now)
        elif hub.total_speed:
            wait = hub.take_turn(PACED_RUN)
            if wait > 0:
                hub.closing.wait(wait)
        if hub.closing.is_set():
            raise _Cut

    def _end_badly(self, fault: Fault) -> None:
        if fault.reset_after is not None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif fault.stall_after is not None:
            self.hub.move(-1)
            while not self.hub.closing.is_set() and not self._client_left():
                self.hub.closing.wait(0.05)
            self.hub.move(1)
        raise _Cut

    def _client_left(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
