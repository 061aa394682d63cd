"""What strangers may send, asked of the real server over real sockets."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest
from twisted.web.http_headers import Headers
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from comfydash.serve.limits import MEBIBYTE, ORDINARY_BODY, WORKFLOW_BODY, body_limit
from comfydash.serve.ports import listen

COOKIE = {"Cookie": "comfydash_session=abc"}


class Served(NamedTuple):
    port: int
    process: subprocess.Popen[bytes]

    def ask(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None):
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            chunked = "Transfer-Encoding" in (headers or {})
            connection.request(method, path, body, headers or {}, encode_chunked=chunked)  # type: ignore[arg-type]
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()

    def resident_megabytes(self) -> float:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
        raise AssertionError


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with listen("127.0.0.1", 0) as listener:
        number = listener.fileno()
        command = [sys.executable, "-m", "tests.comfydash.bare_server", str(number)]
        process = subprocess.Popen(command, pass_fds=[number])
        port = listener.getsockname()[1]
    yield Served(port, process)
    process.terminate()
    assert process.wait(timeout=5) == 0


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data; boundary=x", "multipart/form-data", 'multipart/form-data; boundary="\xff"']
)
@pytest.mark.parametrize("body", [b"\xff\xfe" * 500, b"--x\r\nContent-Disposition: form-data"])
def test_a_form_that_is_broken_reaches_the_application_which_refuses_it_in_words(served, body, content_type):
    status, _, text = served.ask("POST", "/api/workflows/scan?x=1", body, {"Content-Type": content_type})
    assert (status, text) == (200, f"{len(body)} ")


def test_an_ordinary_body_arrives_whole(served):
    status, headers, text = served.ask("POST", "/settings/", b"x" * ORDINARY_BODY)
    assert (status, text) == (200, f"{ORDINARY_BODY} ")
    assert headers["Server"] == "ComfyDash"


@pytest.mark.parametrize("path", ["/", "/nowhere", "/api/presets/refresh", "/api/workflows/scan", "/workflows/drop/"])
def test_an_anonymous_large_body_is_refused_before_it_is_read(served, path):
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 300000000\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")  # not one byte of the body was sent


def test_the_api_refuses_with_a_sentence_in_json(served):
    status, headers, text = served.ask("POST", "/api/settings", b"x" * (ORDINARY_BODY + 1))
    assert status == 413
    assert json.loads(text) == {"detail": "The request is too large: at most 2 MB are taken here.", "errors": []}
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_chunked_body_without_a_length_is_bounded_too(served):
    status, _, _ = served.ask("POST", "/x", iter([b"x" * MEBIBYTE] * 40), {"Transfer-Encoding": "chunked"})
    assert status == 413


def test_a_workflow_of_32_megabytes_is_taken_from_who_brings_credentials(served):
    status, _, text = served.ask("POST", "/api/workflows/scan", b"x" * 32 * MEBIBYTE, COOKIE)
    assert (status, text) == (200, f"{32 * MEBIBYTE} ")


def test_300_megabytes_do_not_raise_the_memory(served):
    served.ask("GET", "/")
    before = served.resident_megabytes()
    for headers in ({}, {"Transfer-Encoding": "chunked"}):
        body = (b"x" * MEBIBYTE for _ in range(300))
        try:
            served.ask("POST", "/nowhere", body, headers or {"Content-Length": str(300 * MEBIBYTE)})
        except (BrokenPipeError, ConnectionResetError):
            pass  # we went on sending for longer than it has patience
    assert served.resident_megabytes() - before < 20


def test_only_a_few_large_bodies_are_taken_in_at_once(served):
    head = f"POST /api/workflows/scan HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\nContent-Length: {30 * MEBIBYTE}\r\n\r\n"
    waiting = [socket.create_connection(("127.0.0.1", served.port), timeout=5) for _ in range(4)]
    try:
        for connection in waiting:
            connection.sendall(head.encode())
            connection.sendall(b"x")
        deadline = time.monotonic() + 5
        status = 200
        while status != 503 and time.monotonic() < deadline:  # until the four have been read
            status, _, text = served.ask("POST", "/api/workflows/scan", b"x" * 3 * MEBIBYTE, COOKIE)
        assert (status, json.loads(text)["detail"][:14]) == (503, "Several large ")
    finally:
        for connection in waiting:
            connection.close()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        status, _, _ = served.ask("POST", "/api/workflows/scan", b"x" * 3 * MEBIBYTE, COOKIE)
        if status == 200:
            return
    pytest.fail("the places of closed connections were not given back")


@pytest.mark.parametrize(
    "first", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "], ids=["silent", "line", "header"]
)
def test_a_drip_of_bytes_does_not_keep_a_connection(served, first):
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(first)
        connection.settimeout(0.2)
        for _ in range(100):  # one second, as bare_server.py says, and a margin for a busy machine
            try:
                connection.sendall(b"x" if first else b"")
                if connection.recv(10) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            pytest.fail("the connection was kept")


def test_a_websocket_outlives_the_time_of_a_request(served):
    with connect(f"ws://127.0.0.1:{served.port}/ws") as page:
        deadline = time.monotonic() + 2.5  # REQUEST_SECONDS is 1 here
        while time.monotonic() < deadline:
            page.send("still here")
            assert page.recv(timeout=5).strip() == "still here"
            time.sleep(0.2)


def test_a_page_that_does_not_read_costs_no_memory(served):
    with connect(f"ws://127.0.0.1:{served.port}/ws", max_queue=1, close_timeout=1) as stopped:
        before = served.resident_megabytes()
        stopped.send("flood")  # 100 MB come back, and nobody reads them
        assert served.ask("GET", "/")[0] == 200  # the others are served
        with pytest.raises(ConnectionClosed):
            while True:
                stopped.recv(timeout=20)
        assert served.resident_megabytes() - before < 40


def test_many_pages_that_do_not_read_cost_together_what_a_few_may(served):
    with ExitStack() as opened:
        reader = opened.enter_context(connect(f"ws://127.0.0.1:{served.port}/ws"))
        before = served.resident_megabytes()
        for _ in range(60):
            stopped = unread_connection(served.port, opened)
            stopped.sendall(client_text(b"burst"))
        for number in range(60):  # each answer comes after what was sent to the others before
            reader.send(f"still read {number}")
            assert reader.recv(timeout=20).strip() == f"still read {number}"
        assert served.ask("GET", "/")[0] == 200
        assert served.resident_megabytes() - before < 110


def unread_connection(port: int, opened: ExitStack) -> socket.socket:
    connection = opened.enter_context(closing(socket.socket()))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", port))
    connection.sendall(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert b" 101 " in connection.recv(20)
    return connection


def client_text(text: bytes) -> bytes:
    """A short text message as a client frames it, with a mask of zeros."""
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text


def test_a_connection_serves_several_requests(served):
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)) as connection:
        for size in (0, 10, 100_001, 5):
            connection.request("POST", "/", body=b"x" * size)
            assert connection.getresponse().read() == b"%d " % size


def test_a_client_cannot_choose_the_root_path(served):
    assert served.ask("GET", "/", headers={"Daphne-Root-Path": "/evil"})[2] == "0 "


def test_expect_continue_is_answered_with_the_refusal(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_an_upgrade_brings_no_body(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nContent-Length: 1000\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("path", "headers", "limit"),
    [
        (b"/api/workflows/scan", {b"Authorization": [b"Bearer x"]}, WORKFLOW_BODY),
        (b"/workflows/drop/", {b"Cookie": [b"a=b"]}, WORKFLOW_BODY),
        (b"/workflows/plan/", {b"Cookie": [b"a=b"]}, ORDINARY_BODY),
        (b"/api/workflows/scan", {}, ORDINARY_BODY),
        (b"/api/presets/refresh", {b"Authorization": [b"Bearer x"]}, ORDINARY_BODY),
        (b"/api/workflows/scan", {b"Cookie": [b"a=b"], b"Upgrade": [b"websocket"]}, 0),
    ],
)
def test_the_limit_of_each_kind(path, headers, limit):
    assert body_limit(path, Headers(headers)) == limit


def test_where_there_is_no_login_nobody_has_to_show_one():
    assert body_limit(b"/api/workflows/scan", Headers({}), without_login=True) == WORKFLOW_BODY
    assert body_limit(b"/api/presets/refresh", Headers({}), without_login=True) == ORDINARY_BODY


def test_the_server_says_no_version(served):
    assert not any(character.isdigit() for character in served.ask("GET", "/")[1]["Server"])


def count_of_heard(served: Served) -> int:
    return int(served.ask("GET", "/heard")[2])


def talk_until_closed(page, *messages: str | bytes) -> int | None:
    """The code that the server closed with."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            for message in messages:
                page.send(message)
    return closed.value.rcvd.code if closed.value.rcvd else None


@pytest.mark.parametrize("message", ["x" * 60_000, "", b"x", "x" * 1000], ids=["large", "empty", "binary", "middling"])
def test_who_says_too_much_is_closed_before_it_is_kept(served, message):
    before, heard_before = served.resident_megabytes(), count_of_heard(served)
    with connect(f"ws://127.0.0.1:{served.port}/quiet", close_timeout=1) as page:
        assert talk_until_closed(page, message) in {1008, None}  # None: our own sending broke first
    assert count_of_heard(served) - heard_before <= 200
    assert served.resident_megabytes() - before < 20


def test_a_message_above_the_limit_is_told_so(served):
    with connect(f"ws://127.0.0.1:{served.port}/quiet", close_timeout=1) as page:
        page.send("x" * (64 * 1024 + 1))
        with pytest.raises(ConnectionClosed) as closed:
            page.recv(timeout=20)
    assert closed.value.rcvd and closed.value.rcvd.code == 1009


def test_pings_and_fragments_count_as_well(served):
    with connect(f"ws://127.0.0.1:{served.port}/quiet", close_timeout=1) as page, pytest.raises(ConnectionClosed):
        while True:
            page.ping()
    with connect(f"ws://127.0.0.1:{served.port}/quiet", close_timeout=1) as page, pytest.raises(ConnectionClosed):
        page.send("" for _ in range(1_000_000))


def test_nothing_is_kept_of_who_speaks_before_being_let_in(served):
    head = (
        "GET /never HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        connection.sendall(head.encode())
        with pytest.raises(ConnectionError):
            while True:
                connection.sendall(b"x" * 65_536)
    assert served.ask("GET", "/")[0] == 200
