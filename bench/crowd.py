"""Many open pages on one dashboard, and pages that stopped reading: who waits for whom, and what they cost.

python -m bench.crowd
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from bench.machine import percentile, pss, table
from tests.comfydash.serving import Serve, serving
from tests.scale.crowd import BURST, KEY, burst, change_something, hear, open_sockets

CROWDS = (1, 50, 200)
ROUNDS = 5


async def hearing(serve: Serve, size: int) -> tuple[list[float], int]:
    """Milliseconds from a change to each page's news of it, and bytes of memory per open page."""
    before = pss([serve.child("web")])
    delays: list[float] = []

    async with open_sockets(serve, size) as crowd:

        async def listen(client, begun: float) -> None:
            await hear(client, "activity")
            delays.append((time.monotonic() - begun) * 1000)

        for _ in range(ROUNDS):
            begun = time.monotonic()
            heard = [asyncio.create_task(listen(client, begun)) for client in crowd]
            await change_something(serve)
            await asyncio.gather(*heard)
        return delays, (pss([serve.child("web")]) - before) // size


async def bursting(serve: Serve, stopped: int) -> tuple[float, int]:
    """Seconds of one burst for the page that reads, and bytes that the server grew by."""
    async with open_sockets(serve, 1) as [reader], open_sockets(serve, stopped, stopped=True):
        begun = time.monotonic()
        grown = await burst(serve, reader)
        return time.monotonic() - begun, grown


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="comfydash-crowd-") as folder,
        serving(Path(folder), "--no-worker", COMFYDASH_API_KEY=KEY) as serve,
    ):
        serve.wait_for_line("ComfyDash is ready")
        asyncio.run(hearing(serve, 1))  # the first page loads what all of them need
        rows = []
        for size in CROWDS:
            delays, cost = asyncio.run(hearing(serve, size))
            rows.append((size, f"{percentile(delays, 0.5):.0f} ms", f"{percentile(delays, 0.99):.0f} ms", f"{cost:,}"))
        table("one change, by the API → every open page", ("pages", "p50", "p99", "bytes each"), rows)
        rows = []
        for stopped in (0, 4, 16):
            seconds, grown = asyncio.run(bursting(serve, stopped))
            rows.append(
                (stopped, f"{seconds:.1f} s", f"{grown / 1e6:.0f} MB", f"{stopped * BURST * 1500 / 1e6:.0f} MB")
            )
        head = ("pages that stopped reading", "the one that reads is through in", "server grew by", "unbounded")
        table(f"{BURST:,} events, half of them news of 3 kB", head, rows)


if __name__ == "__main__":
    main()
