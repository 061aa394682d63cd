"""Many open sockets on one dashboard, some of which do not read; for test_sockets.py and bench.crowd."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import requests
from websockets.asyncio.client import ClientConnection, connect

from bench.machine import pss
from comfydash.local_channel_layer import SocketChannelLayer
from tests.comfydash.serving import Serve

KEY = "crowd-key-0123456789abcdef012345678"
BEARER = {"Authorization": f"Bearer {KEY}"}
BURST = 10_000  # events
BATCH = 50
_themes = itertools.cycle(("light", "dark"))  # dark is what it begins with; the same again would be no change
SECONDS = 90  # generous: the machine may be busy


async def open_socket(serve: Serve, *, stopped: bool = False) -> ClientConnection:
    """With its snapshot read. A stopped one reads nothing more, and its own side holds next to nothing."""
    address = serve.url.replace("http://", "ws://") + "/ws/dashboard"
    raw = None
    if stopped:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", int(serve.url.rpartition(":")[2])))
    opened = await connect(address, additional_headers=BEARER, proxy=None, sock=raw, open_timeout=SECONDS)
    assert (await hear(opened, "snapshot"))["seq"] == 0
    if stopped:
        opened.transport.pause_reading()
    return opened


@asynccontextmanager
async def open_sockets(serve: Serve, count: int, *, stopped: bool = False) -> AsyncIterator[list[ClientConnection]]:
    opened = await asyncio.gather(*(open_socket(serve, stopped=stopped) for _ in range(count)))
    try:
        yield opened
    finally:
        for client in opened:
            client.transport.resume_reading()
        await asyncio.gather(*(client.close() for client in opened))


async def hear(client: ClientConnection, kind: str, **fields: Any) -> dict[str, Any]:
    """The next message of a kind with these fields."""
    async with asyncio.timeout(SECONDS):
        while True:
            message: dict[str, Any] = json.loads(await client.recv())
            if message["type"] == kind and fields.items() <= message.items():
                return message


async def change_something(serve: Serve) -> None:
    """One change that every open page is to hear of."""
    body = {"key": "theme", "value": next(_themes)}
    answer = await asyncio.to_thread(
        requests.patch, f"{serve.url}/api/settings", json=body, headers=BEARER, timeout=SECONDS
    )
    answer.raise_for_status()


async def burst(serve: Serve, reader: ClientConnection, events: int = BURST, size: int = 3000) -> int:
    """Half of them news, of ``size`` bytes, as quick as the reader reads; by how many bytes the server grew."""
    layer = SocketChannelLayer(str(serve.workspace / "data"))
    before = pss([serve.child("web")])
    for number in range(1, events + 1):
        await layer.group_send("dashboard", {"type": "dashboard.event", "event": event(number, size)})
        if number % BATCH == 0:  # no quicker than it reads: the layer keeps a hundred
            await hear(reader, "activity", id=number)
    await hear(reader, "download_progress", download_id=1, downloaded=events - 1)
    await layer.group_send("dashboard", {"type": "dashboard.event", "event": {"type": "queue_updated"}})
    assert (await hear(reader, "queue_updated"))["items"] == []
    await layer.close()
    return pss([serve.child("web")]) - before


def event(number: int, size: int) -> dict[str, Any]:
    """News and progress in turns."""
    if number % 2 == 0:
        return {"type": "activity", "id": number, "title": "x" * size}
    return {"type": "download_progress", "download_id": 1, "downloaded": number, "file": "x" * size}
