"""Many dashboards at once, and readers that do not read: nobody is held up, and nobody costs without bound."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import requests
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.machine import pss
from comfydash.layers import SocketChannelLayer
from tests.comfydash.serving import Serve, serving

pytestmark = pytest.mark.slow

KEY = "crowd-key-0123456789abcdef012345678"
BEARER = {"Authorization": f"Bearer {KEY}"}
CROWD = 200
BURST = 10_000
BATCH = 50
STOPPED = 4
SECONDS = 90  # generous: the machine may be busy
MEMORY = 35_000_000  # bytes; without a bound the news of one burst would cost 60 MB for those who do not read


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    with serving(tmp_path_factory.mktemp("crowd"), "--no-worker", COMFYDASH_API_KEY=KEY) as serve:
        assert serve.url
        yield serve


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


async def hear(client: ClientConnection, kind: str, **fields: Any) -> dict[str, Any]:
    """The next message of a kind with these fields."""
    async with asyncio.timeout(SECONDS):
        while True:
            message: dict[str, Any] = json.loads(await client.recv())
            if message["type"] == kind and fields.items() <= message.items():
                return message


def test_two_hundred_open_pages_all_hear_of_one_change(serve: Serve) -> None:
    async def story() -> None:
        async with AsyncExitStack() as open_ones:
            crowd = await asyncio.gather(*(open_socket(serve) for _ in range(CROWD)))
            for client in crowd:
                await open_ones.enter_async_context(client)
            answer = await asyncio.to_thread(
                requests.patch,
                f"{serve.url}/api/settings",
                json={"key": "theme", "value": "light"},
                headers=BEARER,
                timeout=SECONDS,
            )
            assert answer.ok
            heard = await asyncio.gather(*(hear(client, "activity") for client in crowd))
            assert len({(message["title"], message["id"]) for message in heard}) == 1

    asyncio.run(story())


def test_a_burst_reaches_who_reads_and_stays_bounded_for_who_does_not(serve: Serve) -> None:
    async def story() -> int:
        layer = SocketChannelLayer(str(serve.workspace / "data"))
        async with await open_socket(serve) as reader:
            stopped = await asyncio.gather(*(open_socket(serve, stopped=True) for _ in range(STOPPED)))
            before = pss([serve.child("web")])
            for number in range(1, BURST + 1):
                await layer.group_send("dashboard", {"type": "dashboard.event", "event": event(number)})
                if number % BATCH == 0:  # as quick as it is read, and no quicker: the layer keeps a hundred
                    await hear(reader, "activity", id=number)
            await hear(reader, "download_progress", download_id=1, downloaded=BURST - 1)
            await layer.group_send("dashboard", {"type": "dashboard.event", "event": {"type": "queue_updated"}})
            assert (await hear(reader, "queue_updated"))["items"] == []
            grown = pss([serve.child("web")]) - before
            for client in stopped:
                client.transport.resume_reading()
                with pytest.raises(ConnectionClosed):
                    await hear(client, "queue_updated")
            await layer.close()
        return grown

    assert asyncio.run(story()) < MEMORY


def event(number: int) -> dict[str, Any]:
    """News and progress in turns."""
    if number % 2 == 0:
        return {"type": "activity", "id": number, "title": "x" * 3000}
    return {"type": "download_progress", "download_id": 1, "downloaded": number, "file": "x" * 3000}
