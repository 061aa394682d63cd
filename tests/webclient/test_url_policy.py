"""Addresses that are never asked, on the first hop and on every other, by name and by socket."""

from __future__ import annotations

import re
import socket

import pytest

from downloads.transfer import TransferError, check_address
from tests.downloads.transfer.conftest import Bringer
from tests.fakehub import FakeHub
from webclient.url_policy import check_peer, is_signed, masked, next_hop, without_secrets, without_signature

NEVER = [
    "ftp://example.org/a", "file:///etc/passwd", "gopher://x/", "javascript:alert(1)", "//example.org/a",
    "example.org/a",
    "http://", "http:///a", "https://user@example.org/a", "https://user:pass@example.org/a", "https://:pass@example.org/a",
    "http://exa mple.org/a", "http://example.org/a\nb", "http://example.org\\@evil.org/", "http://example.org:99999/",
    "http://example.org:0/", "http://[::1", "http://\x00/", "",
]  # fmt: skip


NO_NAMES = [
    "a..b", ".a", "-a.example", "xn--", f"{'a' * 64}.example", "a." * 127 + "example", "h%2eexample", "%31%32%37.0.0.1",
    "127.0.0.1%2f.example", "h.example,i.example", "h;x", 'h"x', "h<x>", "h*", "h|x", "a.example..",
]  # fmt: skip


PRIVATE = [
    "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://0/",
    "http://localhost/", "http://LOCALHOST./", "http://a.localhost/", "http://box.internal/", "http://nas.local/",
    "http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1:8188/",
    "http://100.64.0.1/", "http://0.0.0.0/", "http://224.0.0.1/", "http://255.255.255.255/", "http://192.0.2.1/",
    "http://[::1]/", "http://[::]/", "http://[fe80::1]/", "http://[fc00::1]/", "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:10.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://[ff02::1]/",
    "http://192.0.0.8/", "http://192.88.99.1/", "http://198.18.0.1/", "http://198.19.255.255/", "http://240.0.0.1/",
    "http://[64:ff9b:1::1]/", "http://[fec0::1]/", "http://[::127.0.0.1]/", "http://[2001:0:4136:e378::1]/",
    "http://[3fff::1]/", "http://[5f00::1]/", "http://[100::1]/", "http://[2001:db8::1]/", "http://[2002:a00:1::]/",
    "http://[2620:4f:8000::1]/", "http://[4000::1]/", "http://１２７.0.0.1/",
]  # fmt: skip


METADATA = [
    "http://169.254.169.254/latest/meta-data/", "http://169.254.170.2/", "http://192.0.0.192/", "http://168.63.129.16/",
    "http://100.100.100.200/", "http://metadata.google.internal/", "http://METADATA.google.internal./",
    "http://[fd00:ec2::254]/", "http://[fd20:ce::254]/", "http://[::ffff:169.254.169.254]/", "http://[::168.63.129.16]/",
    "http://[64:ff9b::a83f:8110]/", "http://[64:ff9b:1::a9fe:a9fe]/", "http://[2002:a9fe:a9fe::]/",
]  # fmt: skip


PUBLIC = ["https://huggingface.co/a", "http://8.8.8.8/", "https://[2606:4700::1111]/", "https://example.org:8443/a?b=c"]


@pytest.mark.parametrize("url", NEVER, ids=ascii)
def test_is_never_asked(url: str) -> None:
    for allow in (True, False):
        with pytest.raises(TransferError) as refused:
            check_address(url, allow)
        assert refused.value.reason == "forbidden_address"
        assert "pass@" not in str(refused.value)


@pytest.mark.parametrize("url", PRIVATE)
def test_is_private_unless_allowed(url: str) -> None:
    with pytest.raises(TransferError) as refused:
        check_address(url)
    assert refused.value.reason == "forbidden_address"
    check_address(url, allow_private_hosts=True)


@pytest.mark.parametrize("url", METADATA)
def test_a_metadata_service_is_never_asked_even_where_private_hosts_are_allowed(url: str) -> None:
    for allow in (True, False):
        with pytest.raises(TransferError, match="metadata service") as refused:
            check_address(url, allow)
        assert refused.value.reason == "forbidden_address"
        with pytest.raises(TransferError, match="metadata service"):
            next_hop("http://example.org/a", url, allow)


@pytest.mark.parametrize("url", PUBLIC)
def test_is_public(url: str) -> None:
    assert check_address(f" {url}\n") == url


@pytest.mark.parametrize("url", PRIVATE)
def test_no_redirect_leads_to_it(url: str) -> None:
    with pytest.raises(TransferError):
        next_hop("https://example.org/a", url, False)


def test_an_encrypted_address_does_not_lead_to_a_plain_one() -> None:
    with pytest.raises(TransferError, match="http"):
        next_hop("https://example.org/a", "http://example.org/b", False)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("hf://o/r/x.safetensors", "https://huggingface.co/ORG/REPO/resolve/main/FILE"),
        ("//host/x.safetensors", "Write https: in front"),
        ("huggingface.co/o/r/resolve/main/x", "Write https:// in front"),
        ("www.example.org/x", "Write https:// in front"),
        ("localhost:8000/x", "Write https:// in front"),
        ("https://user:pass@example.org/x", "a user name or a password"),
        ("ftp://example.org/x", "not ftp:"),
        ("s3://bucket/x", "not s3:"),
        ("magnet:?xt=urn:btih:abc", "not magnet:"),
        ("data:text/plain,abc", "not data:"),
        ("file:///etc/passwd", "not file:"),
        ("http://example.org:65536/x", "from 1 to 65535"),
        ("http://example.org:http/x", "from 1 to 65535"),
        ("http://example.org/x\u200b", "invisible"),
        ("http://example.org/a\rb", "control"),
        ("http://xn--\u00fc.example/x", "no name"),
        *((f"http://{host}/x", "no name") for host in NO_NAMES),
    ],
)
def test_each_slip_in_an_address_has_a_sentence_of_its_own(url: str, says: str) -> None:
    with pytest.raises(TransferError) as refused:
        check_address(url)
    assert says in str(refused.value)
    assert "pass" not in str(refused.value).replace("password", "").replace("passwd", "")


@pytest.mark.parametrize(
    ("url", "shown_as"),
    [
        ("//host/x", "//host/x"),
        ("host.example/x?sig=S", "host.example/x"),
        ("localhost:8000/x", "localhost:8000/x"),
        ("http://h.example:99999/x", "http://h.example:99999/x"),
        ("http://[::1/x", "http://[::1/x"),
        ("ann:pass@h.example:x/y?token=pass", "h.example:x/y"),
        ("https://ann:pass@h.example:x/y#pass", "h.example:x/y"),
    ],
)
def test_an_address_that_is_none_is_shown_as_it_was_written(url: str, shown_as: str) -> None:
    with pytest.raises(TransferError, match=re.escape(f"The address {shown_as} is not fetched")):
        check_address(url)


def test_blanks_inside_are_encoded_and_those_around_are_not_part_of_it() -> None:
    assert (
        check_address("  http://example.org/a b.safetensors?n=c d \n") == "http://example.org/a%20b.safetensors?n=c%20d"
    )


def test_a_name_of_another_alphabet_is_a_host_like_others() -> None:
    assert check_address("https://b\u00fccher.example/x") == "https://b\u00fccher.example/x"


def test_secrets_are_taken_out_and_signatures_masked() -> None:
    url = "https://u:pw@x.example/c/blob/x.safetensors?sv=1&sig=S&Token=T&X-Amz-Date=D&se=2"
    assert without_secrets(url) == (
        "https://x.example/c/blob/x.safetensors?sv=1&sig=S&X-Amz-Date=D&se=2",
        ("user name and password", "Token"),
    )
    assert masked(url) == "https://x.example/c/blob/x.safetensors?sv=1&sig=***&Token=***&X-Amz-Date=***&se=***"
    assert is_signed(url)
    assert without_signature("https://x.example/x?fileId=1&sig=S") == "https://x.example/x?fileId=1"
    assert without_secrets("https://x.example/x?fileId=1") == ("https://x.example/x?fileId=1", ())


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "fe80::1%eth0", "10.1.2.3", "::ffff:192.168.0.1"])
def test_a_socket_that_reached_a_private_address_is_refused(ip: str) -> None:
    with pytest.raises(TransferError):
        check_peer(ip)


def test_a_name_that_resolves_to_a_private_address_is_refused_by_its_socket(
    hub: FakeHub, bring: Bringer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What DNS rebinding comes to: a public name, asked a second time, is a private address."""
    resolve = socket.getaddrinfo

    def rebind(host: str, *rest: object, **more: object) -> object:
        return resolve("127.0.0.1" if host == "models.example.org" else host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    port = hub.url.rpartition(":")[2]
    brought = bring(f"http://models.example.org:{port}/a.safetensors", allow_private_hosts=False)
    assert (brought.reason, hub.asked(), bring.on_disk()) == ("forbidden_address", [], {})


@pytest.mark.parametrize("location", ["http://[bad?sig=S", "http://h.example:x/?sig=S", "http://[::1%/"])
def test_a_redirect_to_what_is_no_address_says_so_at_once(location: str, hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_document("a.safetensors", size=3000)
    hub.fault(file, redirect=location)
    brought = bring(file)
    assert brought.refusal and not brought.refusal.retry
    assert brought.reason in {"not_found", "forbidden_address"}
    assert "sig" not in str(brought.refusal)
    assert len(hub.asked()) == 1
    with pytest.raises(TransferError):
        next_hop(file.url, location, True)
