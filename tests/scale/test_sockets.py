"""Many dashboards at once, and readers that do not read: nobody is held up, and nobody costs without bound."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed

from tests.comfydash.serving import Serve, serving
from tests.scale.crowd import KEY, burst, change_something, hear, open_sockets

pytestmark = pytest.mark.slow

STOPPED = 4
EVENTS = 4000
MEMORY = 35_000_000  # bytes; without a bound the news of one burst would cost 60 MB for those who do not read


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    with serving(tmp_path_factory.mktemp("crowd"), "--no-worker", COMFYDASH_API_KEY=KEY) as serve:
        assert serve.url
        yield serve


def test_two_hundred_open_pages_all_hear_of_one_change(serve: Serve) -> None:
    async def story() -> None:
        async with open_sockets(serve, 200) as crowd:
            await change_something(serve)
            heard = await asyncio.gather(*(hear(client, "activity") for client in crowd))
            assert len({(message["title"], message["id"]) for message in heard}) == 1

    asyncio.run(story())


def test_a_page_that_is_slow_gets_less_of_it_and_the_newest(serve: Serve) -> None:
    async def story() -> list[int]:
        seen: list[int] = []
        async with open_sockets(serve, 1) as [reader], open_sockets(serve, 1, stopped=True) as [slow]:
            await burst(serve, reader, events=EVENTS, size=10)
            slow.transport.resume_reading()
            while not seen or seen[-1] != EVENTS - 1:
                seen.append((await hear(slow, "download_progress"))["downloaded"])
        return seen

    seen = asyncio.run(story())
    assert seen == sorted(seen)
    assert len(seen) < EVENTS / 4


def test_a_burst_reaches_who_reads_and_stays_bounded_for_who_does_not(serve: Serve) -> None:
    async def story() -> int:
        async with open_sockets(serve, 1) as [reader], open_sockets(serve, STOPPED, stopped=True) as stopped:
            grown = await burst(serve, reader)
            for client in stopped:
                client.transport.resume_reading()
                with pytest.raises(ConnectionClosed):  # cut off: it connects again and gets the whole truth
                    await hear(client, "queue_updated")
        return grown

    assert asyncio.run(story()) < MEMORY
