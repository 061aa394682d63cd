"""What stands between this machine and every other one: the authorities it trusts, and SOCKS proxies."""

from __future__ import annotations

import importlib.util
import os
import ssl
from pathlib import Path
from urllib.request import getproxies, proxy_bypass

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")  # the first that is set counts
SCHEMES = frozenset({"http", "https", "ftp", "all"})


def adopt_certificates() -> None:
    """Make requests trust SSL_CERT_FILE where none of its own variables is set; it does not look there by itself."""
    named = os.environ.get("SSL_CERT_FILE", "").strip()
    if named and not any(os.environ.get(name, "").strip() for name in BUNDLES[:2]):
        os.environ["REQUESTS_CA_BUNDLE"] = named


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
    return ""


def _fault_of_bundle(bundle: Path) -> str:
    if bundle.is_dir():
        return "" if any(bundle.iterdir()) else "is an empty folder"
    if not bundle.exists():
        return "is not there"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(bundle)
    except ssl.SSLError:
        return "holds no certificate"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return ""


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
