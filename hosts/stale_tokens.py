"""Tokens that a Hub was found to refuse: remembered for a while, so that each file of an install does not find it anew.

Kept in this process, under a hash of the token: a token that is saved anew is another one and counts at once.
"""

from __future__ import annotations

import hashlib
import threading
import time

REMEMBERED = 600.0  # seconds; a Hub that had a bad hour is believed again after that

_lock = threading.Lock()
_found: dict[str, float] = {}


def note(endpoint: str, token: str) -> None:
    """This token was refused for something that is handed out without one."""
    now = time.monotonic()
    with _lock:
        for key in [key for key, until in _found.items() if until < now]:
            del _found[key]
        _found[_key(endpoint, token)] = now + REMEMBERED


def is_stale(endpoint: str, token: str) -> bool:
    with _lock:
        return _found.get(_key(endpoint, token), 0.0) > time.monotonic()


def forget() -> None:
    with _lock:
        _found.clear()


def _key(endpoint: str, token: str) -> str:
    return hashlib.sha256(f"{endpoint}\n{token}".encode("utf-8", "surrogatepass")).hexdigest()
