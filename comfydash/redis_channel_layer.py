"""The channel layer between machines: channels_redis, of which nobody who has news waits for Redis.

Events are hints (the rows are the truth). Sending is the business of a thread with a connection of its own, which drops
what Redis does not take at once. Receiving has no time-out of the socket, which would end idle pages; it is asked for
five seconds at a time instead, and a Redis that does not even say that nothing came is asked again on a new connection.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
from concurrent.futures import TimeoutError as NotInTime
from contextlib import suppress
from typing import Any

from channels_redis.core import RedisChannelLayer
from redis.exceptions import RedisError

from activity.redis_connections import AWAY_SECONDS, SEND_SECONDS, Reachable, options
from comfydash.local_channel_layer import is_progress
from downloads.inventory import scan

log = logging.getLogger(__name__)

Message = dict[str, Any]

LATE_SECONDS = 10.0  # beyond the time that Redis was asked to wait for a message
MEMBER_SECONDS = 2.0  # for joining and leaving a group
WAITING = 1000  # messages for the thread that sends
FAREWELL_SECONDS = 0.5  # for what a command that ends has still to send


class RedisLayer(RedisChannelLayer):  # type: ignore[misc]  # channels_redis has no types
    def __init__(self, url: str, **config: Any) -> None:
        super().__init__(hosts=[{"address": url, **options(url, None, is_async=True)}], **config)
        self._sender = Sender(url, config)
        self._receiving = Reachable("pages learn of news only every 15 s")

    async def group_send(self, group: str, message: Message) -> None:
        """Returns at once."""
        self.require_valid_group_name(group)
        self._sender.put(group, message)

    async def group_add(self, group: str, channel: str) -> None:
        async with asyncio.timeout(MEMBER_SECONDS):
            await super().group_add(group, channel)

    async def group_discard(self, group: str, channel: str) -> None:
        async with asyncio.timeout(MEMBER_SECONDS):
            await super().group_discard(group, channel)

    async def receive_single(self, channel: str) -> tuple[str | list[str], Message]:
        """Once per process, however many pages it is for. A page that is told of an end asks what is on the disk, and
        it was another machine that changed that: the answer must not be the one of before."""
        channels, message = await super().receive_single(channel)
        if not is_progress(message):
            scan.forget()
        return channels, message

    async def _brpop_with_clean(self, index: int, channel: str, timeout: float) -> bytes | None:
        """None for no message: whoever waits for one goes on waiting, whatever became of Redis."""
        try:
            async with asyncio.timeout(timeout + LATE_SECONDS):
                found: bytes | None = await super()._brpop_with_clean(index, channel, timeout)
        except (RedisError, OSError) as error:
            self._receiving.failed(error)
            await asyncio.sleep(AWAY_SECONDS)
            return None
        self._receiving.answered()
        return found

    async def _clean_receive_backup(self, index: int, channel: str) -> None:
        try:
            async with asyncio.timeout(MEMBER_SECONDS):
                await super()._clean_receive_backup(index, channel)
        except (RedisError, OSError) as error:
            log.debug("A message may be told twice: %s", error)


class Sender:
    """Sends in a thread of its own, in order; the thread begins with the first message."""

    def __init__(self, url: str, config: dict[str, Any]) -> None:
        self._layer = RedisChannelLayer(hosts=[{"address": url, **options(url, SEND_SECONDS, is_async=True)}], **config)
        self._reachable = Reachable("events are dropped, and pages learn of news only every 15 s")
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: asyncio.Queue[tuple[str, Message]] = asyncio.Queue(WAITING)

    def put(self, group: str, message: Message) -> None:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._run, args=(self._loop,), name="event-sender", daemon=True).start()
                atexit.register(self._finish, self._loop)
        self._loop.call_soon_threadsafe(self._take, group, message)

    def _take(self, group: str, message: Message) -> None:
        with suppress(asyncio.QueueFull):
            self._waiting.put_nowait((group, message))

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(self._send_all())

    async def _send_all(self) -> None:
        while True:
            group, message = await self._waiting.get()
            if self._reachable.worth_a_try:
                await self._send(group, message)
            self._waiting.task_done()

    async def _send(self, group: str, message: Message) -> None:
        try:
            await self._layer.group_send(group, message)
        except (RedisError, OSError) as error:
            self._reachable.failed(error)
        except Exception:  # of one message that cannot be sent; the thread has to live for the next
            log.exception("An event was not sent.")
        else:
            self._reachable.answered()

    def _finish(self, loop: asyncio.AbstractEventLoop) -> None:
        async def all_sent() -> None:
            await self._waiting.join()

        with suppress(NotInTime, RuntimeError):
            asyncio.run_coroutine_threadsafe(all_sent(), loop).result(FAREWELL_SECONDS)
