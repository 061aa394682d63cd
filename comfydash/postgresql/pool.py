"""Connections that stand ready for the next request of this process.

Each request has a thread of its own, which would connect anew: longer than all its questions together, and a few
hundred open pages that hear of one change would ask for more connections than the server has.

Not Django's own pool, which is psycopg_pool: it keeps threads of its own in every process, and hands out a connection
that was lost without a word.
"""

from __future__ import annotations

import atexit
import select
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

import psycopg
from psycopg.pq import TransactionStatus

from comfydash.postgresql.connection import Connection

MOST = 16  # open at once in this process; a worker has fewer threads than that
WAIT_SECONDS = 20.0  # for one of them, as long as for a lock
IDLE_SECONDS = 60.0  # then it is closed, as soon as anybody asks
BELIEVED_SECONDS = 1.0  # after its last use; later it is asked first whether it still answers
CHECK_SECONDS = 2.0  # for the answer


@dataclass(frozen=True)
class _Idle:
    connection: Connection
    since: float


class Pool:
    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._idle: deque[_Idle] = deque()  # the one that was used last stands last
        self._open: WeakSet[Connection] = WeakSet()
        self._connecting = 0
        self._changed = threading.Condition()

    def connect(self, **parameters: Any) -> Connection:
        """One that stood ready, or a new one. Raises psycopg.OperationalError."""
        purpose = repr(sorted((name, str(value)) for name, value in parameters.items()))
        while (found := self._ready(purpose)) is not None:
            is_fresh = time.monotonic() - found.since < BELIEVED_SECONDS
            if not _was_ended(found.connection) and (is_fresh or _answers(found.connection)):
                return found.connection
            self._forget_idle(found.connection)
        try:
            connection: Connection = Connection.connect(**parameters)
            connection.purpose = purpose
        finally:
            with self._changed:
                self._connecting -= 1
                self._changed.notify()
        with self._changed:
            self._open.add(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        """For the next one, unless it is broken or in the middle of something."""
        broken = connection.closed
        clean = not broken and connection.info.transaction_status == TransactionStatus.IDLE
        if clean and connection.autocommit and connection.is_reusable:
            connection.silence = None
            with self._changed:
                self._idle.append(_Idle(connection, time.monotonic()))
                self._changed.notify()
            return
        connection.close()
        if broken:  # and the others as well, where the server was restarted
            self._forget_idle()
        with self._changed:
            self._changed.notify()

    def close(self) -> None:
        self._forget_idle()

    def _ready(self, purpose: str) -> _Idle | None:
        """One that fits; None when a new one may be made, which the caller then does."""
        deadline = time.monotonic() + WAIT_SECONDS
        with self._changed:
            while True:
                self._close_old()
                for place in reversed(range(len(self._idle))):
                    if self._idle[place].connection.purpose == purpose:
                        found = self._idle[place]
                        del self._idle[place]
                        return found
                if self._count() >= self._most and self._idle:
                    self._idle.popleft().connection.close()
                if self._count() < self._most:
                    self._connecting += 1
                    return None
                if not self._changed.wait(min(1.0, deadline - time.monotonic())) and time.monotonic() > deadline:
                    raise psycopg.OperationalError(
                        f"all {self._most} connections of this process were in use for {WAIT_SECONDS:.0f} s"
                    )

    def _count(self) -> int:
        return self._connecting + sum(not connection.closed for connection in self._open)

    def _close_old(self) -> None:
        while self._idle and time.monotonic() - self._idle[0].since > IDLE_SECONDS:
            self._idle.popleft().connection.close()

    def _forget_idle(self, *others: Connection) -> None:
        with self._changed:
            idle = [entry.connection for entry in self._idle]
            self._idle.clear()
        for connection in (*idle, *others):
            connection.close()


def _was_ended(connection: Connection) -> bool:
    """Whether the server has said something since: it has no other reason than to end it."""
    said = select.poll()
    said.register(connection.fileno(), select.POLLIN)
    return bool(said.poll(0))


def _answers(connection: Connection) -> bool:
    """One that was lost without a word says nothing any more."""
    connection.silence = CHECK_SECONDS
    try:
        connection.execute("")
    except psycopg.Error:
        return False
    connection.silence = None
    return True


POOL = Pool()
atexit.register(POOL.close)
