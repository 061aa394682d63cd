"""Many open pages over all webs: a change reaches each, and each fetches its pieces anew."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field

import psycopg
import requests
from websockets.asyncio.client import ClientConnection, connect

from bench.machine import KEY, cpu_seconds, percentile
from bench.postgresql.stacks import Stack
from tests.scale.crowd import hear

ROUNDS = 5
OPEN_SECONDS = 120  # generous: the machine may be busy
QUIET_SECONDS = 30  # two heartbeats of each page
LOOK_SECONDS = 0.02
BEARER = {"Authorization": f"Bearer {KEY}"}
PIECES = ("active", "queue-button")  # what the Downloads page fetches when the queue has changed


@dataclass
class Seen:
    heard: list[float] = field(default_factory=list)  # seconds from a change until a page hears of it
    fetched: list[float] = field(default_factory=list)  # seconds of each request that follows
    refused: int = 0
    busy: float = 0.0  # share of a processor that all webs take together when nothing happens
    connections_standing: int = 0  # to PostgreSQL, while nothing happens
    connections_most: int = 0


async def measure(stack: Stack, pages: int) -> Seen:
    seen = Seen()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(pages))
    async with AsyncExitStack() as opened:
        crowd = [await opened.enter_async_context(_opened(stack, number)) for number in range(pages)]
        for client in crowd:
            await hear(client, "snapshot")
        with _connections(stack) as count:
            for number in range(ROUNDS):
                await _change(stack, crowd, stack.middle + number, seen)
            seen.connections_most = max(count())
        await asyncio.to_thread(stack.tidy_up)
        with _connections(stack) as count:
            begun, cpu = time.monotonic(), _cpu(stack)
            await asyncio.sleep(QUIET_SECONDS)
            seen.busy = (_cpu(stack) - cpu) / (time.monotonic() - begun)
            seen.connections_standing = round(percentile(count(), 0.5))
    return seen


def _opened(stack: Stack, number: int) -> connect:
    url = stack.webs[number % len(stack.webs)].url.replace("http://", "ws://") + "/ws/dashboard"
    return connect(url, additional_headers=BEARER, proxy=None, open_timeout=OPEN_SECONDS, max_size=None)


async def _change(stack: Stack, crowd: Sequence[ClientConnection], row: int, seen: Seen) -> None:
    begun = time.monotonic()

    async def page(number: int, client: ClientConnection) -> None:
        await hear(client, "queue_updated")
        seen.heard.append(time.monotonic() - begun)
        for piece in PIECES:
            asked = time.monotonic()
            status = await asyncio.to_thread(_fetch, stack, number, piece)
            seen.fetched.append(time.monotonic() - asked)
            seen.refused += status != 200

    pages = [asyncio.create_task(page(number, client)) for number, client in enumerate(crowd)]
    await asyncio.to_thread(stack.post, f"/api/downloads/{row}/move?to=up")
    await asyncio.gather(*pages)


def _fetch(stack: Stack, number: int, piece: str) -> int:
    headers = {"HX-Request": "true", "HX-Target": piece}
    path = "/downloads/queue/" if piece == "queue-button" else "/downloads/"
    url = stack.webs[number % len(stack.webs)].url
    cookies = stack.browser.cookies.get_dict()
    return requests.get(url + path, headers=headers, cookies=cookies, timeout=OPEN_SECONDS).status_code


def _cpu(stack: Stack) -> float:
    return cpu_seconds(pid for web in stack.webs for pid in web.processes())


@contextmanager
def _connections(stack: Stack) -> Iterator[Callable[[], list[int]]]:
    """Connections that webs have to PostgreSQL, looked at again and again; what was seen so far."""
    seen, over = [0], threading.Event()

    def look(url: str) -> None:
        with psycopg.connect(url, autocommit=True, application_name="bench") as connection:
            while not over.wait(LOOK_SECONDS):
                row = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'comfydash%'"
                ).fetchone()
                seen.append(row[0] if row else 0)

    url = stack.webs[0].environment.get("DATABASE_URL")
    watch = threading.Thread(target=look, args=(url,)) if url else None
    if watch:
        watch.start()
    try:
        yield lambda: seen
    finally:
        over.set()
        if watch:
            watch.join()
