"""What the server does → what the user sees, what is on disk, what was asked of the server. One row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.downloads.transfer.conftest import Bringer
from tests.fakehub import FakeHub, File, safetensors_bytes

SIZE = 6_000_000
MODEL = "vae/a.safetensors"
PAGE = b"<!DOCTYPE html><html><title>Log in</title></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n"


@dataclass
class Row:
    """A fault and what comes of it. reason "" means: installed, with the right bytes."""

    what: str
    fault: dict[str, object] = field(default_factory=dict)
    arrange: Callable[[FakeHub, File], object] = lambda hub, file: None
    reason: str = ""
    says: str = ""  # part of the sentence a person reads: the refusal, or a warning
    retrying: bool | None = None  # whether a person saw a back-off
    fetched: int | None = None  # bytes the CDN sent at most
    keeps: bool | None = None  # after a refusal: whether a .part stays
    options: dict[str, Any] = field(default_factory=dict)


def cdn(**facts: object) -> dict[str, object]:
    return {"origin": "cdn", **facts}


def resolver(**facts: object) -> dict[str, object]:
    return {"origin": "hub", **facts}


BROKEN = (500, 502, 503, 504)
SLACK = 1_200_000  # bytes that may be on their way when a connection is cut

ROWS = [
    Row("nothing wrong", retrying=False, fetched=SIZE),
    # --- connections
    Row("drops each answer after 1.5 MB", cdn(drop_after=1_500_000), retrying=False, fetched=SIZE + 4 * SLACK),
    Row("drops the first answer after 1000 bytes", cdn(drop_after=1000, times=1), fetched=SIZE + SLACK),
    Row("drops every answer after 300 KB", cdn(drop_after=300_000), retrying=True, fetched=SIZE + SLACK),
    Row("resets the first two", cdn(reset_after=300_000, times=2), fetched=SIZE + 2 * SLACK),
    Row("stalls once", cdn(stall_after=200_000, times=1), options={"read_timeout": 0.4}, fetched=SIZE + SLACK),
    Row("stalls always", cdn(stall_after=0), options={"read_timeout": 0.2}, reason="network", says="in time"),
    Row("trickles once", cdn(trickle=2000, times=1), options={"floor_window": 0.5, "floor_rate": 50_000}),
    Row("closes without an answer, twice", cdn(refuse=True, times=2), says=""),
    Row("never answers", cdn(refuse=True), reason="network", retrying=True, says="Retry continues"),
    Row("first byte takes long", cdn(latency=0.5, times=1), retrying=False),
    Row("first byte takes too long once", cdn(latency=1.0, times=1), options={"read_timeout": 0.4}),
    Row("takes two connections, resets further ones", cdn(above_connections=2, refuse=True), fetched=SIZE + SLACK),
    Row("takes one connection, 403 for further ones", cdn(above_connections=1, status=403), fetched=SIZE + SLACK),
    Row("takes one connection, 503 for further ones", cdn(above_connections=1, status=503), fetched=SIZE + SLACK),
    # --- lengths and ranges
    Row("claims more than it sends, once", cdn(claim=1000, times=1)),
    Row("claims less than it has, once", cdn(claim=-1000, times=1)),
    Row("shifts what was asked for", cdn(shift=100, only_ranges=True)),
    Row("shifts everything", cdn(shift=100)),
    Row("ignores Range always", cdn(ignore_range=True)),
    Row("ignores Range on resume", cdn(ignore_range=True, only_ranges=True)),
    Row("416 once", cdn(status=416, headers={"Content-Range": f"bytes */{SIZE}"}, times=1), retrying=None),
    Row("416 always", cdn(status=416, headers={"Content-Range": f"bytes */{SIZE}"}), reason="network"),
    Row("chunked, no length", cdn(chunked=True)),
    Row("no length, ends with the connection", cdn(endless=True)),
    Row("chunked and Range ignored", cdn(chunked=True, ignore_range=True)),
    Row("gzip although identity was asked", cdn(gzip=True)),
    Row("gzip of the whole", cdn(gzip=True, ignore_range=True)),
    # --- wrong bytes
    Row("one flipped byte, once", cdn(flip=4_000_000, times=1), says="wrong checksum", fetched=2 * SIZE),
    Row("one flipped byte, always", cdn(flip=4_000_000), reason="checksum_mismatch", keeps=False),
    Row("a web page with status 200", cdn(body=PAGE, content_type="text/html"), reason="not_a_model", says="web page"),
    Row("a web page called octet-stream", cdn(body=PAGE), reason="not_a_model", says="web page"),
    Row("the Hub answers with a page", resolver(body=PAGE, content_type="text/html"), reason="not_a_model"),
    # --- statuses
    *(Row(f"{code} three times", cdn(status=code, times=3), options={"max_attempts": 9}) for code in BROKEN),
    *(Row(f"{code} always", cdn(status=code), reason="network", retrying=True) for code in BROKEN),
    Row("the Hub: 503 twice", resolver(status=503, times=2), retrying=True),
    Row("the Hub: 503 always", resolver(status=503), reason="network", says="status 503"),
    Row("the Hub: 429 with Retry-After", resolver(status=429, headers={"Retry-After": "1"}, times=1), retrying=True),
    Row(
        "the Hub: 429 with RateLimit",
        resolver(status=429, headers={"RateLimit": '"resolvers";r=0;t=1'}, times=1),
        retrying=True,
    ),
    Row("the Hub: 429 without a time", resolver(status=429, times=2), retrying=True),
    Row("the Hub: 429 always", resolver(status=429), reason="network", says="rate limited"),
    Row("the CDN: 429 with Retry-After", cdn(status=429, headers={"Retry-After": "0"}, times=3)),
    Row("the CDN: 404", cdn(status=404), reason="network"),
    Row("the CDN: 403 once", cdn(status=403, times=1)),
    Row("the CDN: 403 always", cdn(status=403), reason="network", says="refuses"),
    # --- redirects
    Row("redirects in a circle", resolver(redirect=f"/org/repo/resolve/main/{MODEL}"), reason="not_found"),
    Row("redirects to a forbidden scheme", resolver(redirect="ftp://127.0.0.1/x"), reason="forbidden_address"),
    Row("redirects with a password", resolver(redirect="http://u:p@127.0.0.1/x"), reason="forbidden_address"),
]  # fmt: skip


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_fault(row: Row, connections: int, hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE, seed=3)
    row.arrange(hub, file)
    hub.fault(file, **row.fault)
    brought = bring(file, MODEL, connections=connections, **row.options)

    if brought.published:
        assert row.reason == ""
        assert brought.published.sha256 == file.sha256
        assert bring.on_disk() == {MODEL: SIZE}
        assert row.says in " ".join(brought.published.warnings)
    else:
        assert row.reason == brought.reason, brought.refusal
        assert row.says in str(brought.refusal)
        assert MODEL not in bring.on_disk()
        if row.keeps is not None:
            assert (MODEL + ".part" in bring.on_disk()) is row.keeps
    if row.retrying is not None:
        assert ("retrying" in brought.statuses) is row.retrying
    if row.fetched is not None:
        assert hub.sent(MODEL) <= row.fetched
    assert not any(line.authorization for line in hub.asked(origin="cdn"))


def test_bytes_that_are_given_up_are_spoken_of(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    hub.fault(file, origin="cdn", ignore_range=True, only_ranges=True)
    brought = bring(file, MODEL, connections=1)
    assert brought.published
    assert "cannot continue" in brought.published.warnings[0]


@pytest.mark.parametrize(
    ("what", "data", "says"),
    [
        ("a Git LFS pointer", POINTER, "LFS pointer"),
        ("a pickle", b"\x80\x02" + b"x" * 500, "pickle"),
        ("a zip", b"PK\x03\x04" + b"x" * 500, "pickle"),
        ("truncated, with the right headers", safetensors_bytes(9000)[:5000], "truncated"),
        ("only its header", safetensors_bytes(9000)[:100], "before its header"),
        ("empty", b"", "is empty"),
    ],
)
def test_what_is_no_model_is_never_published(what: str, data: bytes, says: str, hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, data)
    brought = bring(file, MODEL)
    assert (brought.reason, bring.on_disk()) == ("not_a_model", {})
    assert says in str(brought.refusal)


def test_a_pickle_is_refused_after_its_first_kilobytes(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", "pytorch_model.bin", b"PK\x03\x04" + b"x" * 40_000_000)
    assert bring(file, "clip/model.safetensors").reason == "not_a_model"
    assert hub.sent() < file.size
