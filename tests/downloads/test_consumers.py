"""A socket that stands is a socket that speaks, whatever the database does meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.db import connection

from downloads import consumers
from downloads.consumers import DashboardConsumer
from settings_app.administrator import administrator
from tests.downloads.makers import make_install

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(consumers, "HEARTBEAT", 0.05)
    monkeypatch.setattr(consumers, "TRY_AGAIN", 0.01)
    monkeypatch.setattr(consumers, "_picture", None)
    monkeypatch.setattr(consumers, "_reading", None)


def away(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")


def back(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


@asynccontextmanager
async def outage(table: str) -> AsyncIterator[None]:
    await sync_to_async(away)(table)
    try:
        yield
    finally:
        await sync_to_async(back)(table)


async def opened() -> WebsocketCommunicator:
    socket = WebsocketCommunicator(DashboardConsumer.as_asgi(), "/ws/dashboard")
    socket.scope["user"] = await sync_to_async(administrator)()
    connected, _ = await socket.connect(timeout=30)
    assert connected
    return socket


async def told(socket: WebsocketCommunicator, kind: str) -> dict[str, Any]:
    message: dict[str, Any] = {}
    while message.get("type") != kind:
        message = json.loads(await socket.receive_from(timeout=30))
    return message


async def closed(socket: WebsocketCommunicator) -> int:
    while (message := await socket.receive_output(timeout=30))["type"] != "websocket.close":
        pass
    return int(message["code"])


async def change() -> None:
    layer = get_channel_layer()
    await layer.group_send("dashboard", {"type": "dashboard.event", "event": {"type": "queue_updated"}})


@pytest.mark.parametrize("table", ["download_history", "worker"])
def test_after_an_outage_heartbeat_and_news_go_on(table, caplog):
    async def story() -> None:
        socket = await opened()
        await told(socket, "heartbeat")
        async with outage(table):
            await change()
            while "did not answer" not in caplog.text:
                await asyncio.sleep(0.01)
        await sync_to_async(make_install)(preset_id="NEW")
        await change()
        assert (await told(socket, "heartbeat"))["counts"].keys() >= {"queued"}
        await change()
        assert "NEW" in (await told(socket, "queue_updated"))["queue"]
        await socket.disconnect()

    asyncio.run(story())


def test_a_socket_whose_database_stays_away_is_closed_for_the_page_to_connect_again():
    async def story() -> int:
        socket = await opened()
        async with outage("download_history"):
            return await closed(socket)

    assert asyncio.run(story()) == 1013


def test_a_page_that_connects_in_an_outage_is_told_to_come_back():
    async def story() -> int:
        async with outage("download_history"):
            return await closed(await opened())

    assert asyncio.run(story()) == 1013


def test_the_heartbeat_has_the_head_of_the_queue_and_no_rows():
    make_install(preset_id="ONE")

    async def story() -> dict[str, Any]:
        socket = await opened()
        snapshot = await told(socket, "snapshot")
        heartbeat = await told(socket, "heartbeat")
        await socket.disconnect()
        head = ("current", "queue", "queue_total", "counts", "revision")
        assert {name: snapshot[name] for name in head} == {name: heartbeat[name] for name in head}
        return heartbeat

    heartbeat = asyncio.run(story())
    assert (heartbeat["queue"], heartbeat["queue_total"], "items" in heartbeat) == (["ONE"], 1, False)
