"""A page that stays open for days: the channel layer forgets its members after 24 hours."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable

import pytest
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator

from comfydash.asgi import application
from downloads import consumers
from settings_app import api_key

pytestmark = pytest.mark.django_db(transaction=True)

MORE_THAN_A_DAY = 25 * 3600  # seconds
NEWS = {"type": "dashboard.event", "event": {"type": "activity", "title": "Something happened"}}


def with_an_open_page(story: Callable[[WebsocketCommunicator], Awaitable[None]]) -> None:
    """The page's membership is 25 hours old when the story begins."""
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {api_key.create()}".encode())]

    async def play() -> None:
        page = WebsocketCommunicator(application, "/ws/dashboard", headers=headers)
        assert (await page.connect(timeout=30))[0]
        assert json.loads(await page.receive_from(timeout=30))["type"] == "snapshot"
        members = get_channel_layer().groups[consumers.GROUP]
        for member in members:
            members[member] = time.time() - MORE_THAN_A_DAY
        await story(page)
        await page.disconnect()
        await get_channel_layer().close()

    async_to_sync(play)()


def test_a_membership_of_more_than_a_day_hears_nothing_more() -> None:
    """What would happen if nobody did anything about it."""

    async def story(page: WebsocketCommunicator) -> None:
        await get_channel_layer().group_send(consumers.GROUP, NEWS)
        assert await page.receive_nothing(timeout=0.2)

    with_an_open_page(story)


def test_a_page_that_is_open_for_more_than_a_day_still_hears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "HEARTBEAT", 0.1)

    async def story(page: WebsocketCommunicator) -> None:
        members = get_channel_layer().groups[consumers.GROUP]
        while not members or min(members.values()) < time.time() - 3600:  # until a heartbeat has joined again
            assert json.loads(await page.receive_from(timeout=30))["type"] == "heartbeat"
        await get_channel_layer().group_send(consumers.GROUP, NEWS)
        while (message := json.loads(await page.receive_from(timeout=30)))["type"] == "heartbeat":
            pass
        assert message["title"] == "Something happened"

    with_an_open_page(story)
