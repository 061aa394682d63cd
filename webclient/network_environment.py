"""What stands between this machine and every other one: the authorities it trusts, and SOCKS proxies."""

from __future__ import annotations

import importlib.util
import os
import re
import ssl
from pathlib import Path
from urllib.request import getproxies, proxy_bypass

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")  # the first that is set counts
FOLDER = "SSL_CERT_DIR"
SCHEMES = frozenset({"http", "https", "ftp", "all"})


def adopt_certificates() -> None:
    """Make requests trust SSL_CERT_FILE or SSL_CERT_DIR where none of its own variables is set; it does not look there
    by itself. A folder without certificates is not adopted: the usual authorities stay.
    """
    if any(os.environ.get(name, "").strip() for name in BUNDLES[:2]):
        return
    if named := os.environ.get("SSL_CERT_FILE", "").strip():
        os.environ["REQUESTS_CA_BUNDLE"] = named
    elif (folder := os.environ.get(FOLDER, "").strip()) and not _fault_of_folder(Path(folder)):
        os.environ["REQUESTS_CA_BUNDLE"] = folder


def certificate_problem() -> str:
    """A sentence when the authorities that the environment names cannot be read; nothing encrypted works then."""
    for name in BUNDLES:
        named = os.environ.get(name, "").strip()
        if not named:
            continue
        if name == BUNDLES[0] and named == os.environ.get("SSL_CERT_FILE", "").strip():
            name = "SSL_CERT_FILE"
        what = _fault_of_bundle(Path(named))
        return f"{name} names {named}, which {what}: no https address can be reached." if what else ""
    folder = os.environ.get(FOLDER, "").strip()
    what = _fault_of_folder(Path(folder)) if folder else ""
    return f"{FOLDER} names {folder}, which {what}: the usual authorities are trusted." if what else ""


def _fault_of_bundle(bundle: Path) -> str:
    if bundle.is_dir():
        return _fault_of_folder(bundle)
    if not bundle.exists():
        return "is not there"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(bundle)
    except ssl.SSLError:
        return "holds no certificate"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return ""


def _fault_of_folder(folder: Path) -> str:
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError as error:
        return "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
    hashed = any(re.fullmatch(r"[0-9a-f]{8}\.\d+", name) for name in names)
    return "" if hashed else "holds no certificate under the hash of its name (openssl rehash makes these)"


def socks_problem(host: str = "") -> str:
    """A sentence when a SOCKS proxy is named (and used for ``host``) but PySocks, which speaks to it, is missing."""
    if importlib.util.find_spec("socks") is not None or (host and proxy_bypass(host)):
        return ""
    for scheme, proxy in getproxies().items():
        if scheme in SCHEMES and proxy.strip().lower().startswith("socks"):
            return (
                f"{scheme.upper()}_PROXY names a SOCKS proxy, and the library for these (PySocks) is not installed. "
                "Install it with pip install PySocks, or name an http proxy."
            )
    return ""


def problem(host: str = "") -> str:
    return certificate_problem() or socks_problem(host)
