"""Our web server in front of a tiny application; run by test_limits.py.

usage: python -m tests.comfydash.bare_server FILE_DESCRIPTOR
The application answers with the number of body bytes it got, and a WebSocket echoes
with 5 kB of blanks, 20,000 times (100 MB) for "flood" and 1,400 times (7 MB, less than what one page may leave
unread and the kernel takes) for "burst". /quiet listens only, GET /heard says how many messages it heard,
and /never lets nobody in.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from comfydash.serve import limits
from comfydash.serve.web import WebServer

heard: list[int] = []  # sizes


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        if scope["path"] == "/never":
            await receive()
            return
        await send({"type": "websocket.accept"})
        while scope["path"] == "/quiet" and (message := await receive())["type"] == "websocket.receive":
            heard.append(len(message.get("text") or message.get("bytes") or ""))
        if scope["path"] == "/quiet":
            return
        while (message := await receive())["type"] == "websocket.receive":
            for _ in range({"flood": 20_000, "burst": 1_400}.get(message["text"], 1)):
                await send({"type": "websocket.send", "text": message["text"] + " " * 5_000})
        return
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    said = len(heard) if scope["path"] == "/heard" else f"{size} {scope['root_path']}"
    body = f"{said}".encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    limits.REQUEST_SECONDS = 1.0
    limits.LINGER_SECONDS = 1.0
    WebServer(application, socket.socket(fileno=int(sys.argv[1]))).run()
