"""What the client sends, through which proxy, and whose certificate it believes."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from downloads.transfer import Options, Progress, TransferError, probe
from tests.downloads.transfer.conftest import Bringer, quick
from tests.fakehub import FakeHub, safetensors_bytes


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


@pytest.mark.parametrize("login", ["us\u200ber:p\u4f60", "us%0Aer:pw", "%E4%BD%A0:pw"])
def test_a_proxy_whose_login_is_not_latin_is_asked_all_the_same(
    login: str, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", hub.cdn_url.replace("://", f"://{login}@"))
    with pytest.raises(TransferError):
        probe("http://models.example.org/a.safetensors", Options(retry_base=0.01, max_attempts=1))
    assert hub.asked(origin="cdn")[0].host == "models.example.org"


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "http://[::1", "http://127.0.0.1:99999"])
def test_a_proxy_that_is_none_is_a_sentence(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(TransferError) as refused:
        probe("http://models.example.org/a.safetensors", Options(retry_base=0.01, max_attempts=1))
    assert refused.value.reason == "network"
