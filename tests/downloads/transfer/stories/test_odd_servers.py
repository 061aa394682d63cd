"""Servers, proxies and gateways that are worse than any Hub: what they do → what the user sees."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest

from downloads.transfer import partial_bytes, probe
from hosts.answers import expiry
from hosts.huggingface.addresses import Hub
from tests.certificates import LoopbackTls
from tests.downloads.transfer.conftest import Bringer, quick
from tests.downloads.transfer.stories.odd_server import Talk, odd_server
from tests.fakehub import FakeHub
from webclient.url_policy import next_hop

SIZE = 6_000_000
PLACE = "vae/a.safetensors"
PORTAL = b"<!DOCTYPE html><title>Log in to this network</title>"
DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"


def keeps_its_answers_short(talk: Talk) -> None:
    talk.send_file(shorter=400_000)


def sends_more_than_was_asked(talk: Talk) -> None:
    talk.send_file(longer=700_000)


def sends_one_mebibyte_less(talk: Talk) -> None:
    """Says so in Content-Range, although Content-Length promises everything: a cut connection."""
    talk.send_file(Content_Length=SIZE)
    talk.hang_up()


def does_not_know_its_total(talk: Talk) -> None:
    talk.send_file(total="*")


def answers_in_several_parts(talk: Talk) -> None:
    if talk.asked is None:
        talk.send_file()
        return
    start, end = talk.asked
    part = f"Content-Range: bytes {start}-{end - 1}/{SIZE}\r\n\r\n".encode() + talk.server.data[start:end]
    body = b"--b\r\nContent-Type: application/octet-stream\r\n" + part + b"\r\n--b--\r\n"
    talk.send("206 Partial Content", body, Content_Type="multipart/byteranges; boundary=b")


def answers_backwards(talk: Talk) -> None:
    if talk.asked and talk.asked[0]:
        talk.send_file(Content_Range=f"bytes {talk.asked[0]}-0/{SIZE}")
    else:
        talk.send_file()


def adds_rubbish_after_each_answer(talk: Talk) -> None:
    talk.send_file()
    talk.sock.sendall(b"rubbish that belongs to no answer")


def closes_after_each_answer(talk: Talk) -> None:
    talk.send_file(Connection="close")
    talk.hang_up()


def closes_when_a_kept_connection_is_used_again(talk: Talk) -> None:
    if talk.of_connection:
        talk.hang_up()
    talk.send_file()


def answers_with_rubbish_when_a_kept_connection_is_used_again(talk: Talk) -> None:
    if talk.of_connection:
        talk.sock.sendall(b"rubbish that belongs to no answer\r\n\r\n")
        talk.hang_up()
    talk.send_file()


def ends_its_chunks_with_trailers(talk: Talk) -> None:
    start, end = talk.asked or (0, SIZE)
    body = talk.server.data[start:end]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:]) if part)
    status = "206 Partial Content" if talk.asked else "200 OK"
    facts: dict[str, object] = {"Content_Range": f"bytes {start}-{end - 1}/{SIZE}"} if talk.asked else {}
    talk.send(status, chunks + b"0\r\nX-Checksum: 1\r\n\r\n", Content_Length="", Transfer_Encoding="chunked", **facts)


def packs_what_was_asked_as_it_is(talk: Talk) -> None:
    """Offsets count the packed bytes, as some proxies do."""
    body = gzip.compress(talk.server.data, 1)
    if talk.asked:
        span = f"bytes {talk.asked[0]}-{talk.asked[0]}/{len(body)}"
        talk.send("206 Partial Content", body[:1], Content_Encoding="gzip", Content_Range=span)
    else:
        talk.send("200 OK", body, Content_Encoding="gzip")


def packs_in_a_way_nobody_asked_for(talk: Talk) -> None:
    talk.send("200 OK", zlib.compress(talk.server.data), Content_Encoding="compress")


def calls_plain_bytes_encoded(talk: Talk) -> None:
    talk.send_file(Content_Encoding="aws-chunked")


def knows_the_date_only(talk: Talk) -> None:
    talk.send_file(Last_Modified="Tue, 01 Jul 2025 10:00:00 GMT")


def has_a_name_for_it_on_each_machine(talk: Talk) -> None:
    talk.send_file(ETag=f'"machine-{talk.number}"', Last_Modified="Tue, 01 Jul 2025 10:00:00 GMT")


def says_503_in_html_now_and_then(talk: Talk) -> None:
    if talk.number % 2:
        talk.send("503 Service Unavailable", b"<html><h1>503</h1>cloudy</html>", Content_Type="text/html")
    else:
        talk.send_file(shorter=1_500_000)


def redirects_relatively(talk: Talk, status: str = "302 Found") -> None:
    if talk.path == "/models/a.safetensors":
        talk.send(status, Location="../files/b c\u00e9.safetensors?x=1#part")
    elif talk.path == "/files/b%20c%C3%A9.safetensors?x=1":
        talk.send_file()
    else:
        talk.send("404 Not Found")


def redirects_by(status: str) -> Callable[[Talk], None]:
    def serve(talk: Talk) -> None:
        redirects_relatively(talk, status)

    serve.__name__ = f"redirects_by_{status[:3]}"
    return serve


def wants_its_cookie_back(talk: Talk) -> None:
    if talk.path != "/gate":
        talk.send("302 Found", Location="/gate", Set_Cookie="visitor=1; Path=/")
    elif talk.headers.get("Cookie") == "visitor=1":
        talk.send_file()
    else:
        talk.send("403 Forbidden")


def stops_its_links_in_the_middle(talk: Talk) -> None:
    """A link is good for three requests, and nothing in it says so."""
    if talk.path == "/models/a.safetensors":
        talk.send("302 Found", Location=f"/link/{talk.number}")
    elif sum(other.path == talk.path for other in talk.server.asked) <= 3:
        talk.send_file(shorter=900_000)
    else:
        talk.send("403 Forbidden", DENIED, Content_Type="application/xml")


def says_429_in_the_middle(talk: Talk) -> None:
    if talk.number in {2, 3, 4}:
        talk.send("429 Too Many Requests", Retry_After=0)
    else:
        talk.send_file(shorter=900_000)


def takes_no_head(talk: Talk) -> None:
    talk.send_file()


@dataclass
class Row:
    serve: Callable[[Talk], None]
    reason: str = ""
    says: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    attempts: int | None = None  # network tries at most; 1 says that nothing looked like a failure

    @property
    def what(self) -> str:
        return self.serve.__name__.replace("_", " ")


ROWS = [
    Row(takes_no_head, attempts=1),
    Row(keeps_its_answers_short, attempts=1),
    Row(sends_more_than_was_asked, attempts=1),
    Row(sends_one_mebibyte_less),
    Row(does_not_know_its_total, attempts=1),
    Row(answers_in_several_parts, attempts=1),
    Row(answers_backwards),
    Row(adds_rubbish_after_each_answer, attempts=1),
    Row(closes_after_each_answer, attempts=1),
    Row(closes_when_a_kept_connection_is_used_again, attempts=1),
    Row(answers_with_rubbish_when_a_kept_connection_is_used_again, attempts=1),
    Row(ends_its_chunks_with_trailers, attempts=1),
    Row(packs_what_was_asked_as_it_is, attempts=1),
    Row(packs_in_a_way_nobody_asked_for, reason="error", says="compressed (compress)"),
    Row(calls_plain_bytes_encoded, attempts=1),
    Row(knows_the_date_only, attempts=1),
    Row(has_a_name_for_it_on_each_machine),
    Row(says_503_in_html_now_and_then),
    *(Row(redirects_by(status), attempts=1) for status in ("301 M", "302 F", "303 S", "307 T", "308 P")),
    Row(wants_its_cookie_back, attempts=1),
    Row(stops_its_links_in_the_middle, attempts=1),
    Row(says_429_in_the_middle),
]


@pytest.mark.sampled(1, each="row")
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_odd_server(row: Row, connections: int, scheme: str, bring: Bringer, loopback_tls: LoopbackTls) -> None:
    options = {"connections": connections, "ca_bundle": loopback_tls.ca, **row.options}
    with odd_server(row.serve, SIZE, tls=loopback_tls.context if scheme == "https" else None) as server:
        brought = bring(f"{server.url}/models/a.safetensors", PLACE, **options)
    if row.reason:
        assert (brought.reason, row.says in str(brought.refusal)) == (row.reason, True), brought.refusal
        assert PLACE not in bring.on_disk()
        return
    assert brought.published, brought.refusal
    assert brought.published.sha256 == server.sha256
    assert bring.on_disk() == {PLACE: SIZE}
    if row.attempts is not None:
        assert brought.published.attempts <= row.attempts


def test_a_portal_in_the_middle_costs_no_bytes(hub: FakeHub, bring: Bringer) -> None:
    """The network wants a login again: its page answers every request, with status 200, Range or not."""
    file = hub.add_file("org/repo", PLACE, size=SIZE)
    hub.fault(file, origin="cdn", drop_after=2_500_000, times=1)
    hub.fault(file, origin="cdn", body=PORTAL, content_type="text/html")
    brought = bring(file, connections=1)
    assert (brought.reason, "web page" in str(brought.refusal)) == ("not_a_model", True)
    kept = partial_bytes(bring.root, PLACE)
    assert kept >= 2_000_000
    hub.heal()
    again = bring(file)
    assert again.published
    assert again.published.fetched_bytes == SIZE - kept


def test_one_answer_without_range_costs_no_bytes(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", PLACE, size=SIZE)
    hub.fault(file, origin="cdn", drop_after=2_500_000, times=1)
    hub.fault(file, origin="cdn", ignore_range=True, times=1)
    brought = bring(file, connections=1)
    assert brought.published
    assert (brought.published.fetched_bytes, brought.published.warnings) == (SIZE, ())


def test_machines_of_a_cdn_may_each_have_a_name_for_what_the_hub_vouches_for(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", PLACE, size=SIZE)
    for number in range(12):
        hub.fault(file, origin="cdn", drop_after=450_000, headers={"ETag": f'"machine-{number}"'}, times=1)
    brought = bring(file, connections=1)
    assert brought.published
    assert (brought.published.fetched_bytes, brought.published.warnings) == (SIZE, ())
    assert len(hub.asked(PLACE, "hub")) < 8


def test_a_host_that_can_not_continue_and_always_drops_comes_to_an_end(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_document("a.safetensors", size=SIZE, ranges=False)
    hub.fault(file, drop_after=2_000_000)
    brought = bring(file, max_attempts=3)
    assert (brought.reason, len(hub.asked("a.safetensors"))) == ("network", 1 + 3)


def test_a_host_without_a_length_that_is_cut_off_is_no_model(bring: Bringer) -> None:
    def serve(talk: Talk) -> None:
        talk.send(
            "200 OK", b"%x\r\n" % SIZE + talk.server.data[:90_000], Content_Length="", Transfer_Encoding="chunked"
        )
        talk.hang_up()

    with odd_server(serve, SIZE) as server:
        assert bring(f"{server.url}/a.bin", "vae/a.bin", max_attempts=2).reason == "network"
    assert "vae/a.bin" not in bring.on_disk()


@pytest.mark.parametrize("size", [0, 1, 2])
def test_the_smallest_files(size: int, hub: FakeHub, bring: Bringer) -> None:
    here = [
        hub.add_document("a.txt", b"x" * size),
        hub.add_document("b.txt", b"x" * size, ranges=False),
        hub.add_file("org/repo", "c.txt", b"x" * size, lfs=False),
        hub.add_file("org/repo", "d.txt", b"x" * size),
    ]
    for file in here:
        brought = bring(file, f"vae/{file.path}")
        if size:
            assert brought.published, brought.refusal
            assert brought.published.size == size
        else:
            assert (brought.reason, "is empty" in str(brought.refusal)) == ("not_a_model", True)
    assert sum(bring.on_disk().values()) == len(here) * size


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_that_is_reset_at_once_is_tried_so_often_and_no_more(scheme: str, bring: Bringer) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        accepted = []

        def reset() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    accepted.append(client.recv(1))
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    client.close()

        threading.Thread(target=reset, daemon=True).start()
        brought = bring(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/a.safetensors", max_attempts=2)
        listener.shutdown(socket.SHUT_RDWR)
    assert (brought.reason, len(accepted)) == ("network", 2)


def test_an_ipv6_address_is_asked(bring: Bringer) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probing:
            probing.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with odd_server(takes_no_head, SIZE, "::1") as server:
        assert bring(f"{server.url}/a.safetensors").published


@pytest.mark.parametrize("name", ["50% off", "a+b", "ünï", "a#b", "what?", "x&y=1", "snow \u2603", "%41"])
def test_names_that_need_quoting(name: str, hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", f"{name}.safetensors", size=3000)
    url = f"{hub.url}/org/repo/resolve/main/{quote(name)}.safetensors"
    for address in (url, url + "?download=true", url.replace("/resolve/", "/blob/")):
        brought = bring(address, wanted={"replace": True})
        assert brought.published, brought.refusal
        assert brought.published.sha256 == file.sha256


@pytest.mark.parametrize(
    ("address", "asked", "repository"),
    [
        ("org/repo/blob/main/a.bin", "org/repo/resolve/main/a.bin", "org/repo"),
        ("org/repo/raw/main/a.bin", "org/repo/resolve/main/a.bin", "org/repo"),
        ("gpt2/blob/main/a.bin", "gpt2/resolve/main/a.bin", "gpt2"),
        ("gpt2/resolve/main/blob/a.bin", "gpt2/resolve/main/blob/a.bin", "gpt2"),
        ("datasets/org/repo/blob/main/a.bin", "datasets/org/repo/resolve/main/a.bin", "datasets/org/repo"),
        ("spaces/org/repo/resolve/main/a.bin", "spaces/org/repo/resolve/main/a.bin", "spaces/org/repo"),
        ("org/blob/resolve/main/blob/a.bin", "org/blob/resolve/main/blob/a.bin", "org/blob"),
        ("org/repo/resolve/refs%2Fpr%2F1/a.bin", "org/repo/resolve/refs%2Fpr%2F1/a.bin", "org/repo"),
        ("org/repo/resolve/main/a b%20c.bin?download=true", "org/repo/resolve/main/a%20b%20c.bin", "org/repo"),
    ],
)
@pytest.mark.parametrize("endpoint", ["https://huggingface.co", "https://mirror.example/hub/"])
def test_addresses_of_the_hub(endpoint: str, address: str, asked: str, repository: str) -> None:
    hub = Hub(endpoint)
    url = hub.canonical(f"https://huggingface.co/{address}")
    assert url == f"{endpoint.rstrip('/')}/{asked}"
    assert hub.repository(url) == repository


def test_a_redirect_is_read_as_servers_write_it() -> None:
    raw = "/files/Modèle 1.bin".encode().decode("latin-1")
    assert next_hop("https://host.example/a/b", raw, True) == "https://host.example/files/Modèle%201.bin"
    assert next_hop("https://host.example/a/b", "../c?x=%20", True) == "https://host.example/c?x=%20"


@pytest.mark.parametrize(
    ("link", "ends"),
    [
        ("https://x/a?X-Goog-Date=20231114T221320Z&X-Goog-Expires=3600", 1_700_003_600.0),
        ("https://x/a?sv=2024&se=2023-11-14T22%3A13%3A20Z&sig=abc", 1_700_000_000.0),
        ("https://x/a?se=2023-11-14T22%3A13%3A20Z", None),
        ("https://x/a?se=soon&sig=abc", None),
    ],
)
def test_when_a_link_of_other_clouds_ends(link: str, ends: float | None) -> None:
    assert expiry(link) == ends


def test_a_git_id_is_no_sha256(hub: FakeHub) -> None:
    file = hub.add_file("org/repo", "config.json", b"{}", lfs=False)
    facts = probe(file.url, quick(hub))
    assert (facts.sha256, facts.etag, facts.size) == ("", file.git_id, 2)
