"""Hosts that said "later": until then nobody asks them on behalf of a parked install, and installs of others go first.

Kept in the worker's process; after a restart each is asked once more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

from downloads.configured_hosts import configured_hosts
from downloads.models import ENDED_FILES, DownloadHistory

LONGEST = 900.0  # seconds; a host that asks for more is asked again after that

_lock = threading.Lock()
_until: dict[str, float] = {}


def note(url: str, wait: float) -> None:
    with _lock:
        _until[host_of(url)] = time.monotonic() + min(max(wait, 0.0), LONGEST)


def any_of(urls: Iterable[str]) -> bool:
    """Whether one of these files is on a host that is to be left alone now."""
    now = time.monotonic()
    with _lock:
        return any(_until.get(host_of(url), 0.0) > now for url in urls)


def holds(row: DownloadHistory) -> bool:
    """Whether a queued install would only wait, because a host of what it still has to fetch said "later"."""
    with _lock:
        if not _until:
            return False
    return any_of(file.url for file in row.files.all() if file.status not in ENDED_FILES)


def forget() -> None:
    """A person changed something (a token was saved, it lifts the limit): ask at once."""
    with _lock:
        _until.clear()


def host_of(url: str) -> str:
    return urlsplit(configured_hosts().canonical(url)).netloc.rpartition("@")[2].lower()
