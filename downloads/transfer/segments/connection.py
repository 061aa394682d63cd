"""One connection: takes segment after segment, writes what arrives to its place, and reports how it ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import requests

from downloads.transfer.background import Task
from downloads.transfer.errors import LinkExpired, no_model_is_a_refusal
from downloads.transfer.part.buffers import Buffer, Buffers
from downloads.transfer.part.file import Partial
from downloads.transfer.part.hasher import Hasher
from downloads.transfer.segments.plan import Plan, Segment
from downloads.transfer.segments.rate_limit import RateLimit
from downloads.transfer.segments.throughput import Throughput
from downloads.transfer.source import Refused, Source, range_end
from hosts.answers import Located
from modelfiles.structure import SNIFFED, sniff
from webclient.body import Body
from webclient.client import NETWORK_ERRORS, compression, explain, number, shut
from webclient.errors import TransferError, Transient

FLUSH_SECONDS = 0.2
WORTH_REOPENING = 1 << 20  # bytes; a connection that brought so many is opened again at once, without back-off
MAX_EXPIRED = 3  # links in a row that were over before they could be used


class Pool(Protocol):
    """What a connection asks of the pool that it belongs to."""

    name: str
    generation: int
    partial: Partial
    source: Source
    hasher: Hasher
    buffers: Buffers
    limit: RateLimit
    plan: Plan
    whole: bool
    ended_at: int | None

    @property
    def target(self) -> int: ...

    def report(self, connection: Connection, /) -> None: ...


class Connection:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.leaving = threading.Event()
        self.received = 0  # bytes
        self.throughput = Throughput()
        self.slow_since = time.monotonic()
        self.writing_since: float | None = None  # None while it waits for the network
        self._restarting = False
        self._response: requests.Response | None = None

    def start(self) -> None:
        self._task = Task(self._run, "connection")

    def result(self) -> None:
        """Raises what ended it."""
        self._task.result()

    def join(self, seconds: float) -> None:
        self._task.done.wait(seconds)

    def _run(self) -> None:
        try:
            if self.pool.whole:
                self._fetch_whole()
            else:
                self._fetch_segments()
        except OSError as error:  # reading or writing the disk; the network's are explained where they happen
            raise TransferError(f"Writing {self.pool.name} failed: {error}. Check the disk.", reason="error") from error
        finally:
            self._close()
            self.pool.report(self)

    @property
    def rate(self) -> float:
        """Bytes/s over the last seconds, as the pool measured."""
        return self.throughput.rate

    def abort(self) -> None:
        """Close the connection from another thread; what was received is kept."""
        response = self._response
        connection = getattr(response.raw, "connection", None) if response is not None else None
        if sock := getattr(connection, "opened", None):
            shut(sock)

    def restart(self, now: float) -> None:
        """Too slow: what it fetches is asked for again by a new connection."""
        self.slow_since, self._restarting = now, True
        self.abort()

    def leave(self) -> None:
        self.leaving.set()
        self.abort()

    # --- by segments -------------------------------------------------------------------------------------------------

    def _fetch_segments(self) -> None:
        plan = self.pool.plan
        while not self.leaving.is_set() and (segment := plan.take(self.pool.target, self.rate)):
            before = self.received
            try:
                self._fetch(segment)
            except Transient:
                if self.received - before < WORTH_REOPENING and not self._restarting:
                    raise
                self._restarting = False
            finally:
                plan.give_back(segment)

    def _fetch(self, segment: Segment) -> None:
        response = self._open(lambda place: self.pool.source.open_range(place, segment.start, segment.end))
        try:
            self._receive(response, segment)
        finally:
            self._close()
        promised = min(segment.end, range_end(response))  # some servers hand out less at a time than is asked for
        if segment.position < promised and not self.leaving.is_set():
            raise Transient("The host sent less than was asked for. It is tried again and continues where it stopped.")

    def _open(self, ask: Callable[[Located], requests.Response]) -> requests.Response:
        """The answer to a request by a good link; one that has ended is asked for again."""
        source = self.pool.source
        for _ in range(MAX_EXPIRED):
            place = source.link()
            try:
                self._response = response = ask(place)
            except LinkExpired:
                source.expire(place)
                continue
            except Refused:
                source.expire(place)
                raise
            return response
        raise Transient("The host's links are over before they can be used. Check this machine's clock.")

    # --- as a whole ------------------------------------------------------------------------------------------------

    def _fetch_whole(self) -> None:
        """From the first byte to the last, for hosts that cannot continue in the middle."""
        size = self.pool.source.facts.size
        segment = Segment(0, size if size is not None else 1 << 62, 0)
        response = self._open(self.pool.source.open_whole)
        decode = bool(compression(response))
        try:
            self._receive(response, segment, decode)
        finally:
            self._close()
        if self.leaving.is_set():
            return
        said = response.headers.get("Content-Length", "")
        longer = not decode and size is not None and (number(said) or 0) > size
        if size is not None and (segment.position < size or longer):
            self.pool.source.expire(self.pool.source.place)  # look whether it is another file by now
            raise Transient("The host sent another number of bytes than it announced. It is tried again.")
        self.pool.ended_at = segment.position

    # --- bytes -----------------------------------------------------------------------------------------------------

    def _receive(self, response: requests.Response, segment: Segment, decode: bool = False) -> None:
        """Read until the segment, the answer or our time here ends. Whatever arrived is written, also on failure."""
        body, limit = Body(response, decode=decode), self.pool.limit
        buffer, flushed = self.pool.buffers.take(), time.monotonic()
        try:
            while (room := segment.end - segment.position - buffer.filled) > 0 and not self.leaving.is_set():
                count = body.read_into(buffer.room(min(room, limit.most_at_once)))
                if not count:
                    break
                buffer.filled += count
                self.received += count
                now = time.monotonic()
                if buffer.is_full or now - flushed > FLUSH_SECONDS:
                    if segment.position == 0 and buffer.filled < SNIFFED:
                        continue
                    full, buffer, flushed = buffer, self.pool.buffers.take(), now
                    self._write(segment, full)
                    if self.pool.target == 1:
                        self.pool.hasher.let_catch_up(self.leaving.is_set)
                limit.take(count, self.leaving)
        except NETWORK_ERRORS as error:
            raise explain(error, self.pool.source.facts.url) from error
        finally:
            self._write(segment, buffer)

    def _write(self, segment: Segment, buffer: Buffer) -> None:
        self.writing_since = time.monotonic()
        try:
            if not buffer.filled:
                return
            if segment.position == 0:
                with no_model_is_a_refusal():
                    sniff(bytes(buffer.data[:SNIFFED]), self.pool.name)
            if self.pool.partial.write(self.pool.generation, segment.position, buffer):
                segment.position += buffer.filled
                self.pool.partial.wait_for_disk(self.leaving.is_set)
            else:
                self.leaving.set()
        finally:
            self.writing_since = None
            buffer.release()

    def _close(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            response.close()
