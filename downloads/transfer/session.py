"""What the files of one install share: connections, what hosts said, the pauses they asked for, the rate limit."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from downloads.transfer.backoff import HostPauses
from downloads.transfer.segments.rate_limit import RateLimit
from downloads.transfer.types import Options
from hosts.answers import Located
from hosts.registry import Hosts, configured
from webclient.client import WebClient

BELIEVED_SECONDS = 300.0  # an older answer is asked for again: the file may be another one by now


class Session:
    """Shared by threads. `close` ends every request of all files at once."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.hosts: Hosts = configured(options.hub_endpoint, options.token)
        self.client = WebClient(options, self.hosts)
        self.limit = RateLimit(options.rate_limit)
        self.pauses = HostPauses()
        self.connections = SharedConnections()
        self._places: dict[str, tuple[float, Located]] = {}

    def keep(self, url: str, place: Located) -> None:
        """What the host of this address said before the first byte, for the transfer that follows."""
        self._places[url] = (time.monotonic(), place)

    def take(self, url: str) -> Located | None:
        """What it said, once, and while it can be believed: who asks again wants a new answer."""
        said, place = self._places.pop(url, (0.0, None))
        return place if time.monotonic() - said < BELIEVED_SECONDS else None

    def host_of(self, url: str) -> str:
        return urlsplit(self.hosts.canonical(url)).netloc.rpartition("@")[2].lower()

    def close(self) -> None:
        self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SharedConnections:
    """Each file has one connection of its own; those that the preference allows beyond it are shared by all files.

    So a large file never holds back the small ones beside it, and a lone one has them all.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[object, int] = {}

    def grant(self, holder: object, wanted: int, most: int) -> int:
        """How many connections a file may have now, of the ``most`` that one file may; 0 gives all of them back."""
        with self._lock:
            beyond = sum(self._taken.values()) - self._taken.pop(holder, 0)
            if not wanted:
                return 0
            granted = 1 + max(0, min(wanted - 1, most - 1 - beyond))
            self._taken[holder] = granted - 1
            return granted
