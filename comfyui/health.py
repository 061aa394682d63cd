"""Looking after ComfyUI: is it up, which version, on what; asked by the poller and kept in the row."""

from __future__ import annotations

import logging
import re
from typing import Any

from django.db.models.functions import Now

from comfyui.client import Client, ComfyError
from comfyui.models import ComfyState

log = logging.getLogger(__name__)
State = ComfyState.State

# What the client could not do, and what that says of ComfyUI as a whole.
TROUBLES = {
    "down": State.DOWN,
    "slow": State.SLOW,
    "login": State.LOGIN,
    "certificate": State.CERTIFICATE,
    "not_comfyui": State.NOT_COMFYUI,
    "missing": State.NOT_COMFYUI,
}


def ask_and_store(client: Client) -> State:
    """Raises nothing but DatabaseError."""
    try:
        stats = client.system_stats()
        remaining = client.queue_remaining()
    except ComfyError as error:
        return store_failure(client, error)
    facts = _facts(stats) | {"url": client.address.base, "queue_remaining": remaining, "sentence": ""}
    _write(State.UP, seen_at=Now(), **facts)
    return State.UP


def store_failure(client: Client, error: ComfyError) -> State:
    """Something failed: the state changes, the facts of the last answer stay."""
    state = TROUBLES.get(error.trouble, State.BROKEN)
    _write(state, url=client.address.base, sentence=str(error)[:500], queue_remaining=None)
    return state


def _write(state: State, **facts: Any) -> None:
    """By the database's clock: the page that asks how old this is may be of another machine."""
    before = ComfyState.get()
    ComfyState.objects.filter(pk=ComfyState.ONLY).update(state=state, checked_at=Now(), **facts)
    if before.state != state:
        log.info("ComfyUI at %s: %s", facts["url"], state.label.lower())


def _facts(stats: dict[str, Any]) -> dict[str, Any]:
    """Version, frontend and device; each with a default, for every version leaves something out."""
    system = stats["system"]
    devices = stats.get("devices")
    device = devices[0] if isinstance(devices, list) and devices and isinstance(devices[0], dict) else {}
    on_cpu = device.get("type", "cpu") == "cpu"
    # On the CPU ComfyUI reports the machine's memory as that of the device.
    total, free = ("ram_total", "ram_free") if on_cpu else ("vram_total", "vram_free")
    source = system if on_cpu else device
    return {
        "version": str(system.get("comfyui_version") or "older than 0.3")[:50],
        "frontend": _frontend(system)[:50],
        "device": "CPU" if on_cpu else _device_name(str(device.get("name") or device.get("type")))[:100],
        "on_cpu": on_cpu,
        "memory_total": _bytes(source.get(total)),
        "memory_free": _bytes(source.get(free)),
    }


def _frontend(system: dict[str, Any]) -> str:
    packages = system.get("comfy_package_versions")
    for package in packages if isinstance(packages, list) else ():
        if isinstance(package, dict) and package.get("name") == "comfyui-frontend-package":
            return str(package.get("installed") or "")
    return str(system.get("required_frontend_version") or "")


def _device_name(name: str) -> str:
    """``cuda:0 NVIDIA GeForce RTX 4090 : cudaMallocAsync`` → ``NVIDIA GeForce RTX 4090``."""
    return re.sub(r"^\w+:\d+\s+", "", name).partition(" : ")[0].strip()


def _bytes(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value < 2**53 else 0
