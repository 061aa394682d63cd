"""A process with members of the group "dashboard"; run by test_layers.py and by bench.

usage: python -m tests.comfydash.layer_reader DATA_DIR MEMBERS
Prints "ready", then one line of JSON per member once an event of type "end" has come: the numbers it has seen.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from comfydash.local_channel_layer import SocketChannelLayer


async def listen(layer: Any, name: str) -> list[int]:
    await layer.group_add("dashboard", name)
    seen: list[int] = []
    while (event := (await layer.receive(name))["event"])["type"] != "end":
        seen.append(event["number"])
    return seen


async def main(data_dir: str, members: int) -> None:
    layer = SocketChannelLayer(data_dir)
    names = [await layer.new_channel() for _ in range(members)]
    tasks = [asyncio.create_task(listen(layer, name)) for name in names]
    await asyncio.sleep(0)
    print("ready", flush=True)
    for seen in await asyncio.gather(*tasks):
        print(json.dumps(seen), flush=True)
    await layer.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
