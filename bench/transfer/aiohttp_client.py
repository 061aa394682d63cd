"""The loop that many downloaders have: aiohttp, 8 KB chunks. Needs aiohttp; prints seconds."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import aiohttp  # type: ignore[import-not-found,unused-ignore]


async def main() -> None:
    _, url, folder = sys.argv[1:4]
    started = time.monotonic()
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
        with (Path(folder) / "model.safetensors").open("wb") as file:
            async for chunk in answer.content.iter_chunked(8192):
                file.write(chunk)
    print(time.monotonic() - started)


asyncio.run(main())
