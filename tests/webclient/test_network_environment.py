"""What stands between this machine and others: a refusal names the variable, not the host that was never asked."""

from __future__ import annotations

import importlib.util
import ssl
from pathlib import Path

import certifi
import pytest

from downloads.transfer import Options, TransferError
from webclient.client import WebClient
from webclient.network_environment import adopt_certificates, certificate_problem


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_a_refusal_names_the_file_of_authorities_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such.pem")
    with WebClient(Options(allow_private_hosts=True)) as web, pytest.raises(TransferError) as caught:
        web.get("https://127.0.0.1:1/x")
    assert "REQUESTS_CA_BUNDLE names /no/such.pem, which is not there" in str(caught.value)


@pytest.mark.skipif(importlib.util.find_spec("socks") is not None, reason="PySocks is here, so it works")
def test_a_refusal_names_the_socks_proxy_that_cannot_be_spoken_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    with WebClient(Options(allow_private_hosts=True)) as web, pytest.raises(TransferError) as caught:
        web.get("http://files.example/x")
    assert "ALL_PROXY names a SOCKS proxy" in str(caught.value)


def test_ssl_cert_file_counts_where_requests_has_no_variable_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    adopt_certificates()
    assert os.environ["REQUESTS_CA_BUNDLE"] == certifi.where()
    monkeypatch.setenv("CURL_CA_BUNDLE", "/curl.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")
    adopt_certificates()
    assert os.environ["REQUESTS_CA_BUNDLE"] == ""


def test_a_folder_or_file_with_certificates_is_no_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    assert certificate_problem() == ""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    assert "holds no certificate" in certificate_problem()
    assert ssl.OPENSSL_VERSION
