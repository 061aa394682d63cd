"""The proxies of the environment: what cannot be one, said at the start."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from ipaddress import ip_network
from urllib.parse import urlsplit

from webclient.url_login import login_problem, without_login

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def problems() -> list[str]:
    """A sentence for each variable, without its value: that may hold a password."""
    found = []
    for name in NAMES:
        for spelling in (name.lower(), name):
            if problem := proxy_problem(os.environ.get(spelling, "")):
                found.append(f"{spelling} cannot be used: {problem}. Downloads that need it fail.")
    for spelling in ("no_proxy", "NO_PROXY"):
        if wrong := [word for word in os.environ.get(spelling, "").split(",") if not _is_exception(word.strip())]:
            found.append(
                f"{spelling}: “{without_login(wrong[0].strip())[:80]}” excepts nothing from the proxy. Names and "
                "networks stand there between commas, like localhost,.example.com,10.0.0.0/8, without http:// and *."
            )
    return found


def _is_exception(word: str) -> bool:
    """As requests reads an entry of NO_PROXY."""
    if word in {"", "*"}:
        return True
    try:
        ip_network(word.strip("[]"), strict=False)
    except ValueError:
        return bool(re.fullmatch(r"\.?[\w-]+(\.[\w-]+)*\.?(:\d+)?", word))
    return True


def proxy_problem(value: str) -> str:
    """Why no proxy can be reached by this address, as a part of a sentence; "" when one can."""
    value = value.strip()
    if not value:
        return ""
    if not value.isprintable() or re.search(r"\s", value):
        return "it holds a blank, a line break or an invisible character"
    if problem := login_problem(value if "://" in value else f"http://{value}"):
        return problem
    # What names no scheme is an http proxy, to requests too.
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        port = parts.port
    except ValueError:
        return "its port is no number from 1 to 65535, or its host is none"
    if parts.scheme.lower().startswith("socks"):
        return "" if find_spec("socks") else "SOCKS proxies need the package PySocks, which is not installed"
    if parts.scheme.lower() not in {"http", "https"}:
        return "a proxy's address begins with http://"
    if parts.path.strip("/") or parts.query or parts.fragment:
        return "a proxy's address ends with its port"
    return "" if parts.hostname and port != 0 else "it names no host, or port 0"
