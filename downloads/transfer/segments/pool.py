"""The connections of one attempt, run from the thread that called fetch."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from downloads.transfer.part.buffers import LARGEST, Buffers
from downloads.transfer.part.file import Partial
from downloads.transfer.part.hasher import Hasher
from downloads.transfer.segments.connection import Connection
from downloads.transfer.segments.plan import Plan
from downloads.transfer.segments.rate_limit import RateLimit
from downloads.transfer.segments.throughput import Throughput
from downloads.transfer.segments.tuner import Sample, Tuner
from downloads.transfer.source import Source
from downloads.transfer.types import Options
from webclient.errors import Transient

POLL_SECONDS = 0.05  # seconds between two looks at the connections
LEAVE_SECONDS = 1.0  # seconds that connections get to leave; one that hangs in a connect is left behind
SLOW_AFTER_SECONDS = 3.0  # seconds that a connection may be far behind its siblings
WRITING_SECONDS = 1.0  # seconds that every connection waits for the disk before a person is told
SLOW_SHARE = 0.25  # of the median rate of all: slower is far behind


class ConnectionPool:
    def __init__(
        self,
        partial: Partial,
        source: Source,
        hasher: Hasher,
        options: Options,
        limit: RateLimit,
        tuner: Tuner,
        *,
        whole: bool,
    ) -> None:
        self.partial, self.source, self.hasher = partial, source, hasher
        self.options, self.limit, self.tuner, self.whole = options, limit, tuner, whole
        self.name = partial.path.rpartition("/")[2]
        self.generation = partial.generation
        self.buffers = Buffers(source.facts.size or LARGEST)
        self.plan = Plan(partial.extents.missing(source.facts.size or 0))
        self.ended_at: int | None = None  # where a whole file turned out to end
        self.connections: list[Connection] = []
        self._over: SimpleQueue[Connection] = SimpleQueue()
        self._gone = 0  # bytes that connections brought which are not there any more
        self._throughput = Throughput()
        self._moved = time.monotonic()

    @property
    def target(self) -> int:
        return 1 if self.whole else self.tuner.target

    @property
    def received(self) -> int:
        return self._gone + sum(connection.received for connection in self.connections)

    @property
    def waits_for_disk(self) -> bool:
        """Whether all connections have been writing for a while: what arrived has to get there before more can come."""
        before = time.monotonic() - WRITING_SECONDS
        since = [connection.writing_since for connection in self.connections]
        return bool(since) and all(moment is not None and moment < before for moment in since)

    def report(self, connection: Connection) -> None:
        """From a connection's thread: it is over."""
        self._over.put(connection)

    def run(self, tick: Callable[[], None]) -> None:
        """Until every byte is on disk. Raises what ended it: Transient when another attempt may help."""
        try:
            while not self._complete():
                self.limit.refresh()
                self._hire()
                self._listen()
                self._watch()
                self.partial.note()
                tick()
        finally:
            self._dismiss()

    def _complete(self) -> bool:
        if self.whole:
            return self.ended_at is not None
        return self.partial.bytes_done >= (self.source.facts.size or 0)

    def _hire(self) -> None:
        while len(self.connections) < self.target and not (self.whole and self.connections):
            if self.connections and self.plan.idle and len(self.connections) >= self.target // 2:
                return  # the end is near: splitting what is left is for those who are free already
            connection = Connection(self)
            self.connections.append(connection)
            connection.start()
            if self.plan.idle:
                return
        for connection in self.connections[self.target :]:
            connection.leaving.set()  # it finishes the buffer it reads and gives the rest back

    def _listen(self) -> None:
        """Wait a moment for connections that end, and judge how."""
        try:
            connection = self._over.get(timeout=POLL_SECONDS)
        except Empty:
            return
        if connection not in self.connections:
            return
        self.connections.remove(connection)
        self._gone += connection.received
        try:
            connection.result()
        except Transient:
            self.tuner.refused(time.monotonic(), len(self.connections))
            if not self.connections:
                raise

    def _watch(self) -> None:
        """Rates, stalls, connections that are far behind, and how many there should be."""
        now, received = time.monotonic(), self.received
        if self._throughput.add(now, received) or any(connection.writing_since for connection in self.connections):
            self._moved = now  # where the disk is waited for, the network does not stall
        if now - self._moved > self.options.stall_seconds:
            seconds = self.options.stall_seconds
            raise Transient(f"Nothing arrived for {seconds:.0f} s. It is tried again and continues where it stopped.")
        if self.limit.limited:
            self._moved = now if self._throughput.rate > 0 else self._moved
        for connection in self.connections:
            connection.throughput.add(now, connection.received)
        self._reopen_slow(now)
        done = self.partial.bytes_done
        size = self.source.facts.size or 0
        hashed = self.hasher.position
        self.tuner.look(
            Sample(
                now=now,
                received=received,
                alive=len(self.connections),
                warm=all(connection.received for connection in self.connections),
                left=size - done,
                hashed=hashed,
                unhashed=self.partial.front - hashed,
                to_hash=size - hashed,
            )
        )

    def _reopen_slow(self, now: float) -> None:
        """A trickle never times out by itself, and a connection far behind its siblings is worth a new one."""
        if self.limit.limited:
            return
        rates = [connection.rate for connection in self.connections]
        share = SLOW_SHARE * statistics.median(rates) if len(rates) > 2 else 0.0
        for connection in self.connections:
            allowed = SLOW_AFTER_SECONDS if connection.rate < share else self.options.floor_window
            if connection.writing_since or connection.rate >= max(share, self.options.floor_rate):
                connection.slow_since = now
            elif now - connection.slow_since > allowed:
                connection.restart(now)

    def _dismiss(self) -> None:
        for connection in self.connections:
            connection.leave()
        end = time.monotonic() + LEAVE_SECONDS
        for connection in self.connections:
            connection.join(max(0.0, end - time.monotonic()))
