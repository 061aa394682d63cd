"""What is read of a body, how few reads it takes, and that the connection is good for the next request."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import requests

from downloads.transfer import Options
from tests.certificates import LoopbackTls
from tests.connect_proxy import connect_proxy
from tests.downloads.transfer.stories.odd_server import Talk, odd_server
from webclient.body import Body
from webclient.client import NETWORK_ERRORS, WebClient, shut

SIZE = 6_000_000
RECORDS = SIZE // (16 << 10)  # as many reads it takes under TLS when each brings one record


def client(tls: LoopbackTls) -> WebClient:
    return WebClient(Options(allow_private_hosts=True, ca_bundle=tls.ca, read_timeout=10.0))


def read_all(body: Body, size: int = 1 << 20) -> bytes:
    memory, found = memoryview(bytearray(size)), b""
    while count := body.read_into(memory):
        found += memory[:count]
    return found


def counting(response: requests.Response) -> list[int]:
    """What each `read1` of urllib3 brings from now on."""
    brought: list[int] = []
    raw: Any = response.raw
    read1 = raw.read1

    def counted(*args: Any, **kwargs: Any) -> bytes:
        chunk: bytes = read1(*args, **kwargs)
        brought.append(len(chunk))
        return chunk

    raw.read1 = counted
    return brought


def sends_chunks(talk: Talk) -> None:
    body = talk.server.data
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:]))
    talk.send("200 OK", chunks + b"0\r\n\r\n", Content_Length="", Transfer_Encoding="chunked")


def sends_it_packed(talk: Talk) -> None:
    talk.send("200 OK", gzip.compress(talk.server.data, 1), Content_Encoding="gzip")


def sends_it_whole(talk: Talk) -> None:
    talk.send_file()


@pytest.mark.parametrize("way", ["http", "https", "https through a proxy"])
@pytest.mark.parametrize("serve", [sends_it_whole, sends_chunks, sends_it_packed], ids=lambda serve: serve.__name__)
def test_the_connection_is_kept_after_the_last_byte(
    serve: Callable[[Talk], None], way: str, loopback_tls: LoopbackTls, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    tls = loopback_tls.context if way.startswith("https") else None
    proxied = connect_proxy() if way.endswith("proxy") else nullcontext()
    with proxied as proxy, odd_server(serve, SIZE, tls=tls) as server, client(loopback_tls) as web:
        if proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        for _ in range(3):
            response = web.get(f"{server.url}/a.safetensors")
            assert read_all(Body(response, decode=serve is sends_it_packed)) == server.data
            response.close()
        assert [talk.of_connection for talk in server.asked] == [0, 1, 2]
        assert not proxy or len(proxy.asked) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_between_its_first_and_its_last_bytes_a_body_is_read_from_the_socket(
    scheme: str, loopback_tls: LoopbackTls
) -> None:
    """Where an update of urllib3 or Python ends this, everything still works, at twice the processor's time."""
    tls = loopback_tls.context if scheme == "https" else None
    with odd_server(sends_it_whole, SIZE, tls=tls) as server, client(loopback_tls) as web:
        response = web.get(f"{server.url}/a.safetensors")
        brought = counting(response)
        assert read_all(Body(response)) == server.data
        assert len(brought) < RECORDS / 10
        assert sum(brought) < SIZE / 2


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_came_before_a_cut_is_handed_out_and_then_the_error(scheme: str, loopback_tls: LoopbackTls) -> None:
    def cuts(talk: Talk) -> None:
        talk.send("200 OK", talk.server.data[:2_000_000], Content_Length=SIZE)
        talk.hang_up()

    tls = loopback_tls.context if scheme == "https" else None
    with odd_server(cuts, SIZE, tls=tls) as server, client(loopback_tls) as web:
        body, memory, found = Body(web.get(f"{server.url}/a.safetensors")), memoryview(bytearray(1 << 20)), b""
        with pytest.raises(NETWORK_ERRORS):
            while count := body.read_into(memory):
                found += memory[:count]
        assert found == server.data[:2_000_000]


def test_no_byte_behind_the_body_is_taken_for_one_of_it(loopback_tls: LoopbackTls) -> None:
    def adds_rubbish(talk: Talk) -> None:
        talk.send("200 OK", talk.server.data + b"rubbish", Content_Length=SIZE)

    with odd_server(adds_rubbish, SIZE, tls=loopback_tls.context) as server, client(loopback_tls) as web:
        assert read_all(Body(web.get(f"{server.url}/a.safetensors"))) == server.data


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_reader_that_waits_is_woken_when_the_socket_is_shut(scheme: str, loopback_tls: LoopbackTls) -> None:
    arrived, over = threading.Event(), threading.Event()

    def stalls(talk: Talk) -> None:
        talk.send("200 OK", talk.server.data[:2_000_000], Content_Length=SIZE)
        over.wait(30)

    tls = loopback_tls.context if scheme == "https" else None
    with odd_server(stalls, SIZE, tls=tls) as server, client(loopback_tls) as web:
        response: Any = web.get(f"{server.url}/a.safetensors")
        body, memory, found = Body(response), memoryview(bytearray(1 << 20)), list[bytes]()

        def read() -> None:
            with pytest.raises(NETWORK_ERRORS):
                while count := body.read_into(memory):
                    found.append(bytes(memory[:count]))
                    arrived.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert arrived.wait(20)
        shut(response.raw.connection.opened)
        reader.join(20)
        assert not reader.is_alive()
        assert server.data.startswith(b"".join(found))
        over.set()
