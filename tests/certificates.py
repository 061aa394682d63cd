"""An authority and certificates by it, made by openssl for tests and measurements on loopback."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class LoopbackTls:
    """context is that of a server on 127.0.0.1, ca the file of the authority that vouches for it."""

    context: ssl.SSLContext
    ca: str


@pytest.fixture(scope="session")
def loopback_tls(tmp_path_factory: pytest.TempPathFactory) -> LoopbackTls:
    folder = tmp_path_factory.mktemp("authority")
    return LoopbackTls(ca=str(make_authority(folder)), context=serving_context(make_certificate(folder)))


def make_authority(folder: Path) -> Path:
    """ca.pem, whose key stays beside it."""
    signs = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")  # Python 3.13 wants it said
    ours = ("-days", "2", "-subj", "/CN=Our authority")
    _openssl(folder, "req", "-x509", *CURVE, *signs, "-keyout", "ca.key", "-out", "ca.pem", *ours)
    return folder / "ca.pem"


def make_certificate(folder: Path, name: str = "server", subject: str = "IP:127.0.0.1") -> Path:
    """NAME.pem by the authority of the folder, with NAME.key beside it."""
    _openssl(folder, "req", *CURVE, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=Ours")
    (folder / "extensions").write_text(f"subjectAltName={subject}\nauthorityKeyIdentifier=keyid\n")
    authority = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "extensions")
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", *authority, "-days", "2", "-out", f"{name}.pem")
    return folder / f"{name}.pem"


def serving_context(certificate: Path) -> ssl.SSLContext:
    """Of a server that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
