"""The control endpoint of a standalone fake Hub: POST /__control__ with {"do": …}, loopback only."""

from __future__ import annotations

import json
from dataclasses import asdict

from tests.fakehub.hub import FakeHub


def obey(hub: FakeHub, body: bytes) -> bytes:
    """{"do": "fault", "path": …, any field of Fault} · "gate" {path, at_byte} · "open" {path} · "heal" · "log" ·
    "file" {repo, path, size, seed, gated} · "token" {secret, name, accepted: […]} · "speed" {speed, total_speed}."""
    order = json.loads(body)
    do = order.pop("do")
    reply: object = {"ok": True}
    if do == "fault":
        hub.fault(order.pop("path", ""), **order)
    elif do == "gate":
        hub.gate(order["path"], order.get("at_byte", 0))
    elif do == "open":
        for gate in [gate for gate in hub.gates if order.get("path", "") in gate.path]:
            gate.open()
    elif do == "reached":
        reply = {"reached": [gate.path for gate in hub.gates if gate.reached.is_set()]}
    elif do == "heal":
        hub.heal()
    elif do == "log":
        reply = {"log": [asdict(line) for line in hub.asked(order.get("path", ""))]}
    elif do == "file":
        file = hub.add_file(order.pop("repo"), order.pop("path"), **order)
        reply = {"url": file.url, "sha256": file.sha256, "size": file.size}
    elif do == "token":
        hub.token(
            order.pop("secret"),
            **{key: set(value) if isinstance(value, list) else value for key, value in order.items()},
        )
    elif do == "speed":
        hub.speed, hub.total_speed = order.get("speed", 0), order.get("total_speed", 0)
    else:
        reply = {"ok": False, "detail": f"unknown order {do!r}"}
    return json.dumps(reply).encode()
