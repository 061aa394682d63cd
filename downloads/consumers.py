"""The dashboard's WebSocket: the whole truth at connect, then hints turned into messages."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.db import Error as DatabaseFailure
from redis.exceptions import RedisError

from activity.models import Activity
from downloads.bounded_json import encoded
from downloads.queue_status import queue_head, queue_status
from downloads.worker.heartbeat import worker_status

GROUP = "dashboard"
HEARTBEAT = 15.0  # seconds
FLUSH = 0.25  # seconds; at most 4 progress messages a second per download
TRY_AGAIN = 1.0  # seconds until what the database refused is tried again; doubled each time
FAILURES = 6  # in a row, of one loop; then the page is better off with a fresh socket
MOST_PROGRESS = 100  # downloads whose progress waits for the next flush
UNAUTHORIZED = 4401
TRY_LATER = 1013  # RFC 6455's registry: the server cannot go on now, connect again

log = logging.getLogger(__name__)


class DashboardConsumer(AsyncJsonWebsocketConsumer):
    """One browser or script. Every message: ``{type, seq, time, …}``; seq counts from 0 per connection.

    Progress is coalesced here, the newest per download, and queue_updated likewise: a slow reader gets fewer
    messages, never older ones. A socket that stands is a socket that speaks: what fails is logged and tried again,
    and when it goes on failing the socket is closed, so that the page connects anew.
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
        try:
            await self._join()  # before the snapshot is read: what changes in between arrives as an event
            newest = await database_sync_to_async(_newest_activity)()
            picture = await self._picture()
            await self.tell("snapshot", **picture, worker=await self._worker(), newest_activity=newest)
        except DatabaseFailure as error:  # what else fails ends the socket by itself, and is logged
            log.warning("A page could not be told the state of the queue, and is to connect again: %s", error)
            await self.close(TRY_LATER)
            return
        self.tasks = [
            asyncio.create_task(self._keep_on(step, name))
            for step, name in ((self._beat, "heart"), (self._flush, "news"))
        ]

    async def disconnect(self, code: int) -> None:
        for task in self.tasks:
            task.cancel()
        try:
            await self.channel_layer.group_discard(GROUP, self.channel_name)
        except (OSError, RedisError) as error:
            log.debug("The channel layer goes on knowing a page that is gone: %s", error)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Whatever arrives is dropped unread: this socket only speaks."""

    async def dashboard_event(self, message: dict[str, Any]) -> None:
        event = dict(message["event"])
        kind = event.pop("type")
        if kind == "download_progress":
            self.progress.pop(event["download_id"], None)  # so that the oldest stands first
            self.progress[event["download_id"]] = event
            if len(self.progress) > MOST_PROGRESS:
                del self.progress[next(iter(self.progress))]
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
        await self.send(text_data=encoded(message))

    async def _keep_on(self, step: Callable[[], Awaitable[None]], name: str) -> None:
        """Repeat step for as long as the socket stands. A loop never ends without the socket ending too."""
        failures = 0
        while True:
            try:
                await step()
                failures = 0
            except DatabaseFailure as error:
                failures += 1
                log.warning("The database did not answer for a page (%s, time %d): %s", name, failures, error)
            except Exception:  # nobody awaits this task: whatever is let through would end it without a word
                failures += 1
                log.exception("A page was not told its news (%s, time %d).", name, failures)
            if failures >= FAILURES:
                await self.close(TRY_LATER)
                return
            if failures:
                await asyncio.sleep(TRY_AGAIN * 2 ** (failures - 1))

    async def _join(self) -> None:
        """News arrive through the channel layer. While that is away, the heartbeat tells what is."""
        try:
            await self.channel_layer.group_add(GROUP, self.channel_name)
        except (OSError, RedisError) as error:
            log.debug("The channel layer is away: %s", error)

    async def _beat(self) -> None:
        await asyncio.sleep(HEARTBEAT)
        still_allowed = self.scope.get("still_allowed")
        if still_allowed and not await still_allowed():  # logged out elsewhere, another password, a new API key
            await self.close(UNAUTHORIZED)
            return
        # The layer forgets members after a day, drops one whose message waited a minute, or was restarted: join again.
        await self._join()
        head = await database_sync_to_async(queue_head)()
        del head["active_downloads"]
        await self.tell("heartbeat", **head, worker=await self._worker())

    async def _flush(self) -> None:
        """Send what gathered; the first at once, then at most one batch per FLUSH."""
        await self.wake.wait()
        if self.queue_changed:
            self.queue_changed = False
            try:
                await self.tell("queue_updated", **await self._picture())
            except BaseException:
                self.queue_changed = True  # wake is still set: told as soon as the database answers
                raise
        self.wake.clear()
        gathered, self.progress = self.progress, {}
        for event in gathered.values():
            await self.tell("download_progress", **event)
        if self.queue_changed:  # while the picture was read
            self.wake.set()
        await asyncio.sleep(FLUSH)

    @staticmethod
    async def _picture() -> dict[str, Any]:
        picture = await _shared_picture()
        return {name: value for name, value in picture.items() if name not in {"active_downloads", "next_offset"}}

    @staticmethod
    async def _worker() -> dict[str, Any]:
        worker: dict[str, Any] = await database_sync_to_async(worker_status)()
        return worker


def _newest_activity() -> int:
    """Its id, 0 for none: what was logged between a page and its socket is on neither."""
    return Activity.objects.order_by("-id").values_list("pk", flat=True).first() or 0


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
