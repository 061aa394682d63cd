"""Huey's queue in Redis, for as long as that answers. It carries wake-ups only, and the rows are the queue."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from typing import Any

from huey.storage import RedisStorage
from redis import ConnectionPool
from redis.exceptions import RedisError

from activity.redis_connections import AWAY_SECONDS, SEND_SECONDS, Reachable, client, options

WAIT_SECONDS = 1  # how long Redis is asked to wait for a wake-up
ANSWER_SECONDS = 3.0  # longer than that it does not take to say that none came


class RedisQueue(RedisStorage):  # type: ignore[misc]  # huey has no types
    """A worker keeps for itself what Redis does not take: its look at the queue each minute goes on without Redis.

    Elsewhere a wake-up that is not taken is dropped. The worker finds the row by itself, a minute later at most.
    """

    def __init__(self, name: str, url: str, **settings: Any) -> None:
        pool = ConnectionPool.from_url(url, **options(url, ANSWER_SECONDS))
        super().__init__(name, connection_pool=pool, read_timeout=WAIT_SECONDS, **settings)
        self._stop: threading.Event | None = None  # only in a worker
        self._sender = client(url, SEND_SECONDS)
        self._kept: deque[bytes] = deque(maxlen=100)
        self._sending = Reachable("downloads begin a little later than at once")
        self._receiving = Reachable("the worker looks at the queue by itself, once a minute")

    def work_for(self, stop: threading.Event) -> None:
        """This process is a worker, and ends when ``stop`` is set."""
        self._stop = stop

    def enqueue(self, data: bytes, priority: int | None = None) -> None:
        if self._sending.worth_a_try:
            try:
                self._sender.lpush(self.queue_key, data)
            except (RedisError, OSError) as error:
                self._sending.failed(error)
            else:
                self._sending.answered()
                return
        if self._stop is not None:
            self._kept.append(data)

    def dequeue(self) -> bytes | None:
        if self._kept:
            try:
                return self._kept.popleft()
            except IndexError:  # the other thread has it
                return None
        if not self._receiving.worth_a_try:
            if self._stop is not None:
                self._stop.wait(AWAY_SECONDS / 2)
            return None
        try:
            found = self.conn.brpop([self.queue_key], timeout=WAIT_SECONDS)
        except (RedisError, OSError) as error:
            self._receiving.failed(error)
            return None
        self._receiving.answered()
        return found[1] if found else None

    def read_schedule(self, ts: Any) -> list[bytes]:
        """Nothing of ours is put off; what Huey itself would put there is as good as lost with Redis."""
        return []

    def peek_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Nothing of ours is ever revoked, so that Redis is not asked before each task."""
        return {}
