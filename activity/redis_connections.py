"""How Redis is reached. It carries hints only: who sends does not wait for it, who receives finds out its death."""

from __future__ import annotations

import logging
import socket
import time
from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.retry import Retry

log = logging.getLogger(__name__)

SEND_SECONDS = 0.1  # for each answer while sending; then the message is dropped
CONNECT_SECONDS = 1.0
AWAY_SECONDS = 1.0  # how long nobody tries after a failure

# A machine that vanished is found out within half a minute, by the kernel.
KEEPALIVE = {
    getattr(socket, name): value
    for name, value in {
        "TCP_KEEPIDLE": 10,  # seconds
        "TCP_KEEPINTVL": 5,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": 25_000,  # milliseconds
    }.items()
    if hasattr(socket, name)  # macOS has other names
}


def options(url: str, answer_seconds: float | None, *, is_async: bool = False) -> dict[str, Any]:
    """For ``from_url`` of Redis' clients: an end to each wait (but with ``None``), and one second try at once.

    That one is for a Redis that was restarted while nobody looked; one that is silent is not asked again.
    """
    retry = (AsyncRetry if is_async else Retry)(NoBackoff(), 1, supported_errors=(Disconnected,))
    found: dict[str, Any] = {
        "socket_timeout": answer_seconds,
        "socket_connect_timeout": CONNECT_SECONDS,
        "retry": retry,
    }
    if urlsplit(url).scheme != "unix":
        found |= {"socket_keepalive": True, "socket_keepalive_options": KEEPALIVE}
    return found


def client(url: str, answer_seconds: float) -> Redis:
    """Somebody waits for it, so that connecting takes no longer than an answer may."""
    return Redis.from_url(url, **options(url, answer_seconds) | {"socket_connect_timeout": answer_seconds})


class Reachable:
    """Whether Redis answered the last time. Says each change once, however many ask."""

    def __init__(self, meanwhile: str) -> None:
        """``meanwhile``: what happens until it is back, as the second half of a sentence."""
        self._meanwhile = meanwhile
        self._away_since: float | None = None
        self._try_again_at = 0.0

    @property
    def worth_a_try(self) -> bool:
        return self._away_since is None or time.monotonic() >= self._try_again_at

    def failed(self, error: Exception) -> None:
        self._try_again_at = time.monotonic() + AWAY_SECONDS
        if self._away_since is None:
            self._away_since = time.monotonic()
            said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            log.warning("Redis does not answer (%s): until it does, %s.", said, self._meanwhile)

    def answered(self) -> None:
        if self._away_since is not None:
            log.warning("Redis answers again, after %.0f s.", time.monotonic() - self._away_since)
            self._away_since = None
