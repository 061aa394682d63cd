"""The dashboard's WebSocket: the whole truth at connect, then hints turned into messages."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from downloads.heartbeat import worker_status
from downloads.queue import queue_status

GROUP = "dashboard"
HEARTBEAT = 15.0  # seconds
FLUSH = 0.25  # seconds; at most 4 progress messages a second per download
UNAUTHORIZED = 4401


class DashboardConsumer(AsyncJsonWebsocketConsumer):
    """One browser or script. Every message: ``{type, seq, time, …}``; seq counts from 0 per connection.

    Progress is coalesced here, the newest per download, and queue_updated likewise: a slow reader gets fewer
    messages, never older ones.
    """

    groups: list[str] = []

    async def connect(self) -> None:
        self.seq = 0
        self.progress: dict[int, dict[str, Any]] = {}
        self.queue_changed = False
        self.wake = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            # Accepted first: a browser cannot tell a refused handshake from a network fault, a close code it can.
            await self.accept()
            await self.close(UNAUTHORIZED)
            return
        await self.accept()
        # Joined before the snapshot is read: what changes in between arrives as an event.
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.tell("snapshot", **await self._picture(), worker=await self._worker())
        self.tasks = [asyncio.create_task(self._beat()), asyncio.create_task(self._flush())]

    async def disconnect(self, code: int) -> None:
        for task in self.tasks:
            task.cancel()
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Whatever arrives is dropped unread: this socket only speaks."""

    async def dashboard_event(self, message: dict[str, Any]) -> None:
        event = dict(message["event"])
        kind = event.pop("type")
        if kind == "download_progress":
            self.progress[event["download_id"]] = event
            self.wake.set()
        elif kind == "queue_updated":
            self.queue_changed = True
            self.wake.set()
        else:
            self.progress.pop(event.get("download_id", 0), None)
            await self.tell(kind, **event)

    async def tell(self, kind: str, **fields: Any) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        message = {"type": kind, "seq": self.seq, "time": moment, **fields}
        self.seq += 1
        await self.send_json(message)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            # The layer forgets members after a day, and drops one whose message waited a minute: join again.
            await self.channel_layer.group_add(GROUP, self.channel_name)
            picture = await self._picture()
            await self.tell(
                "heartbeat", current=picture["current"], queue=picture["queue"], worker=await self._worker()
            )

    async def _flush(self) -> None:
        """Send what gathered; the first at once, then at most one batch per FLUSH."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            if self.queue_changed:
                self.queue_changed = False
                await self.tell("queue_updated", **await self._picture())
            gathered, self.progress = self.progress, {}
            for event in gathered.values():
                await self.tell("download_progress", **event)
            await asyncio.sleep(FLUSH)

    @staticmethod
    async def _picture() -> dict[str, Any]:
        picture = await _shared_picture()
        return {name: picture[name] for name in ("current", "queue", "items")}

    @staticmethod
    async def _worker() -> dict[str, Any]:
        worker: dict[str, Any] = await database_sync_to_async(worker_status)()
        return worker


_picture: tuple[float, dict[str, Any]] | None = None
_reading: asyncio.Lock | None = None


async def _shared_picture() -> dict[str, Any]:
    """The queue as it is now, read once for all sockets that ask at the same moment."""
    global _picture, _reading
    asked = time.monotonic()
    if _reading is None:
        _reading = asyncio.Lock()
    async with _reading:
        if _picture is None or _picture[0] < asked:
            started = time.monotonic()
            _picture = (started, await database_sync_to_async(queue_status)())
        return _picture[1]
