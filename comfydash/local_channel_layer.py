"""The channel layer of the embedded default: joins the processes of one machine without a broker.

In a process that has listeners (a web server) this is Channels' in-memory layer plus a Unix stream socket that takes
newline-delimited JSON. ``group_send`` called anywhere but on the listeners' event loop writes to every socket found
in the run-time folder, its own process's included: a queue of asyncio must not be filled from another thread.
Events are hints (the rows are the truth), so nothing here ever waits for a reader.

By hand, because Channels' in-memory layer ends at the process, and Redis would be a second server on each pod.
"""

from __future__ import annotations

import asyncio
import atexit
import errno
import json
import logging
import os
import secrets
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

from channels.layers import InMemoryChannelLayer

from volumes.runtime_folder import RuntimeFolder, UnsafeFolder

log = logging.getLogger(__name__)

Message = dict[str, Any]

BACKLOG_BYTES = 2**20  # kept for one reader that does not read; about a thousand events
LINE_BYTES = 4 * 2**20  # a line longer than this is not one of ours
FLUSH_SECONDS = 30.0  # how long bytes wait for a stopped reader when nothing else is sent


class SocketChannelLayer(InMemoryChannelLayer):
    """Standard Channels calls; ``data_dir`` names the dashboard whose processes belong together.

    A listener that does not read keeps the newest ``capacity`` messages; progress goes before news. A message unread
    for ``expiry`` seconds ends the membership, and so does an age of 24 h: members join again at each heartbeat.
    """

    def __init__(self, data_dir: str, run_dir: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._folder = RuntimeFolder(Path(data_dir), run_dir)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listener: Listener | None = None
        self._outbox = Outbox(self._folder)

    async def group_add(self, group: str, channel: str) -> None:
        self._listen()
        await super().group_add(group, channel)

    async def send(self, channel: str, message: Message) -> None:
        self.require_valid_channel_name(channel)
        self._put(channel, message)

    async def group_send(self, group: str, message: Message) -> None:
        """Returns at once. Raises TypeError for what JSON cannot say and for an invalid group name."""
        self.require_valid_group_name(group)
        line = json.dumps([group, message], separators=(",", ":")).encode() + b"\n"
        own = None
        if asyncio.get_running_loop() is self._loop:
            self._deliver(group, message)
            own = self._listener.path if self._listener else None
        self._outbox.send(line, droppable=is_progress(message), skip=own)

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._loop = None
        self._outbox.close()

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is loop or (self._loop is not None and self._loop.is_running()):
            return
        if self._listener is not None:
            self._listener.close()
        self._loop, self._listener = loop, None
        try:
            self._listener = self._open(loop)
        except (OSError, UnsafeFolder) as error:
            log.warning("Pages show news of other processes only every 15 s: %s. Set COMFYDASH_RUN_DIR.", error)

    def _open(self, loop: asyncio.AbstractEventLoop) -> Listener:
        self._folder.make()
        try:
            return Listener(self._folder.path, loop, self._receive_line)
        except FileNotFoundError:  # a process that ended just now has taken the empty folder along
            self._folder.make()
            return Listener(self._folder.path, loop, self._receive_line)

    def _receive_line(self, line: bytes) -> None:
        try:
            group, message = json.loads(line)
            self._deliver(group, message)
        except (ValueError, TypeError) as error:
            log.warning("A line on the event socket was not an event: %s", error)

    def _deliver(self, group: str, message: Message) -> None:
        self._clean_expired()
        for channel in list(self.groups.get(group, ())):
            self._put(channel, message)

    def _put(self, channel: str, message: Message) -> None:
        queue = self.channels.setdefault(channel, asyncio.Queue(maxsize=self.get_capacity(channel)))
        if queue.full():
            waiting = queue._queue
            stale = next((i for i, (_, old) in enumerate(waiting) if is_progress(old)), 0)
            del waiting[stale]
        queue.put_nowait((time.time() + self.expiry, deepcopy(message)))


def is_progress(message: Message) -> bool:
    """Whether the next message of its kind makes this one worthless."""
    event = message.get("event")
    return isinstance(event, dict) and event.get("type") == "download_progress"


class Listener:
    """This process's socket. Plain readers on the loop instead of asyncio streams: no transport outlives its loop."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop, on_line: Callable[[bytes], None]) -> None:
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.path = folder / f"{name}.sock"
        self._loop, self._on_line = loop, on_line
        self._connections: dict[socket.socket, bytearray] = {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        # Listens before it has its final name: a sender that is refused takes a socket for stale and removes it.
        draft = folder / f"{name}.new"
        try:
            self._socket.bind(str(draft))
            self._socket.listen(128)
            draft.rename(self.path)
        except OSError:
            self._socket.close()
            raise
        loop.add_reader(self._socket, self._accept)
        atexit.register(self.close)

    def close(self) -> None:
        atexit.unregister(self.close)
        self.path.unlink(missing_ok=True)
        with suppress(OSError):  # others may be in it
            self.path.parent.rmdir()
        for each in [self._socket, *self._connections]:
            if not self._loop.is_closed():
                self._loop.remove_reader(each)
            each.close()
        self._connections.clear()

    def _accept(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        connection.setblocking(False)
        self._connections[connection] = bytearray()
        self._loop.add_reader(connection, self._read, connection)

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(2**16)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        buffer = self._connections[connection]
        buffer += data
        *lines, rest = buffer.split(b"\n")
        if not data or len(rest) > LINE_BYTES:
            self._loop.remove_reader(connection)
            del self._connections[connection]
            connection.close()
        else:
            self._connections[connection] = rest
        for line in lines:
            self._on_line(bytes(line))


class Outbox:
    """Connections to every listener of this dashboard; used from any thread, never waits."""

    def __init__(self, folder: RuntimeFolder) -> None:
        self._folder = folder
        self._peers: dict[Path, Peer] = {}
        self._lock = threading.Lock()
        self._flushing = False

    def send(self, line: bytes, *, droppable: bool, skip: Path | None = None) -> None:
        with self._lock:
            for peer in self._reachable(skip):
                peer.send(line, droppable)
            if any(peer.clogged for peer in self._peers.values()) and not self._flushing:
                self._flushing = True
                threading.Thread(target=self._flush, name="event-outbox", daemon=True).start()

    def close(self) -> None:
        with self._lock:
            for peer in self._peers.values():
                peer.close()
            self._peers.clear()

    def _reachable(self, skip: Path | None) -> Iterator[Peer]:
        found = self._folder.sockets()
        for path in [path for path, peer in self._peers.items() if peer.dead or path not in found]:
            self._peers.pop(path).close()
        for path in found:
            if path == skip:
                continue
            if path not in self._peers and (peer := connect(path)):
                self._peers[path] = peer
            if path in self._peers:
                yield self._peers[path]

    def _flush(self) -> None:
        """Runs while a reader is behind, so that the last event of a burst does not wait for the next one."""
        deadline = time.monotonic() + FLUSH_SECONDS
        while True:
            with self._lock:
                clogged = [peer for peer in self._peers.values() if peer.clogged]
                if not clogged or time.monotonic() > deadline:
                    self._flushing = False
                    return
                poller = select.poll()
                for peer in clogged:
                    poller.register(peer.socket, select.POLLOUT)
            ready = poller.poll(1000)
            with self._lock:
                for peer in clogged if ready else ():
                    peer.flush()


class Peer:
    """One reader. What it has not taken yet waits here, at most BACKLOG_BYTES, the newest news first to stay."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.dead = False
        self._waiting: deque[bytes] = deque()
        self._bytes = 0

    @property
    def clogged(self) -> bool:
        return bool(self._waiting) and not self.dead

    def send(self, line: bytes, droppable: bool) -> None:
        self.flush()
        if self._waiting and droppable:
            return
        self._waiting.append(line)
        self._bytes += len(line)
        while self._bytes > BACKLOG_BYTES and len(self._waiting) > 2:
            self._bytes -= len(self._waiting[1])
            del self._waiting[1]  # not the first: a part of it may be on its way
        self.flush()

    def flush(self) -> None:
        while self._waiting and not self.dead:
            try:
                sent = self.socket.send(self._waiting[0])
            except BlockingIOError:
                return
            except OSError:
                self.dead = True
                return
            self._bytes -= sent
            rest = self._waiting.popleft()[sent:]
            if rest:
                self._waiting.appendleft(rest)

    def close(self) -> None:
        self.dead = True
        self.socket.close()


def connect(path: Path) -> Peer | None:
    """A connection without waiting; the socket of a process that is no more is removed."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        if error.errno == errno.ECONNREFUSED:
            try:
                path.unlink(missing_ok=True)
            except OSError:
                log.debug("A stale event socket stays: %s", path)
        return None
    return Peer(connection)
