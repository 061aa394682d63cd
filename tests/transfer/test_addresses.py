"""Addresses that are never asked, on the first hop and on every other, by name and by socket."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from downloads.transfer import Options, Progress, TransferError, check_address, probe
from downloads.transfer.addresses import Hub, check_peer, next_hop
from tests.fakehub import FakeHub, safetensors_bytes
from tests.transfer.conftest import Bringer, quick

NEVER = [
    "ftp://example.org/a", "file:///etc/passwd", "gopher://x/", "javascript:alert(1)", "//example.org/a",
    "example.org/a",
    "http://", "http:///a", "https://user@example.org/a", "https://user:pass@example.org/a", "https://:pass@example.org/a",
    "http://exa mple.org/a", "http://example.org/a\nb", "http://example.org\\@evil.org/", "http://example.org:99999/",
    "http://example.org:0/", "http://[::1", "http://\x00/", "",
]  # fmt: skip
PRIVATE = [
    "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://0/",
    "http://localhost/", "http://LOCALHOST./", "http://a.localhost/", "http://metadata.google.internal/", "http://nas.local/",
    "http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1:8188/", "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/", "http://0.0.0.0/", "http://224.0.0.1/", "http://255.255.255.255/", "http://192.0.2.1/",
    "http://[::1]/", "http://[::]/", "http://[fe80::1]/", "http://[fc00::1]/", "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:10.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://[ff02::1]/",
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


@pytest.mark.parametrize(
    ("endpoint", "url", "sees"),
    [
        ("https://huggingface.co", "https://huggingface.co/a/b/resolve/main/c", True),
        ("https://huggingface.co", "http://huggingface.co/a/b/resolve/main/c", False),
        ("https://huggingface.co", "https://huggingface.co:444/a", False),
        ("https://huggingface.co", "https://huggingface.co.evil.org/a", False),
        ("https://huggingface.co", "https://cdn-lfs.huggingface.co/a", False),
        ("http://mirror.example.org", "http://mirror.example.org/a", False),
        ("http://127.0.0.1:80", "http://127.0.0.1/a", True),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8001/a", False),
    ],
)
def test_who_may_see_the_token(endpoint: str, url: str, sees: bool) -> None:
    assert Hub(endpoint).may_see_token(url) is sees


def test_no_netrc_and_no_cookies(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login ada password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    file = hub.add_document("a.safetensors", safetensors_bytes(), headers={"Set-Cookie": "a=b"})
    probe(file.url, quick(hub))
    assert [line.authorization for line in hub.asked()] == [""]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key, in one file."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", file, "-out", f"{file}.crt"], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + Path(f"{file}.crt").read_bytes())
    return file


@pytest.mark.parametrize("trusted", ["by option", "by environment", ""])
def test_certificates(trusted: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    options: dict[str, Any] = {}
    if trusted == "by option":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt")
        options = {"ca_bundle": str(certificate)}
    elif trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with FakeHub(tls=context) as hub:
        file = hub.add_file("org/repo", "a.safetensors", size=20_000_000)
        brought = Bringer(hub, tmp_path / "models")(file, "vae/a.safetensors", **options)
        if trusted:
            assert brought.published
            assert brought.published.sha256 == file.sha256
        else:
            assert brought.reason == "network"
            assert "REQUESTS_CA_BUNDLE" in str(brought.refusal)
            assert "retrying" not in brought.statuses


def stop_at(count: int) -> Callable[[Progress], bool]:
    return lambda progress: progress.bytes_done < count


def test_stopping_an_encrypted_transfer_writes_no_ciphertext(certificate: Path, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with FakeHub(tls=context, total_speed=30_000_000) as hub:
        file = hub.add_file("org/repo", "a.safetensors", size=24_000_000)
        bring = Bringer(hub, tmp_path / "models")
        for stop in (3_000_000, 8_000_000, 15_000_000):
            assert bring(file, tick=stop_at(stop), ca_bundle=str(certificate)).stopped
        brought = bring(file, ca_bundle=str(certificate))
        assert brought.published
        assert (brought.published.sha256, brought.published.warnings) == (file.sha256, ())


def test_a_proxy_of_the_environment_is_used(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", hub.cdn_url)
    with pytest.raises(TransferError):
        probe("http://models.example.org/a.safetensors", Options(retry_base=0.01, max_attempts=1))
    assert hub.asked(origin="cdn")[0].host == "models.example.org"
