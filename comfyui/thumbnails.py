"""The first picture of a generation, fetched from ComfyUI when somebody looks, and kept nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from comfyui import address, status
from comfyui.client import Client, ComfyError
from comfyui.job_result import Output

MOST = 24 * 2**20  # bytes; a larger picture is no thumbnail
READ_SECONDS = 5.0  # seconds

SIGNATURES = {b"\x89PNG\r\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"BM": "image/bmp"}


@dataclass(frozen=True)
class Picture:
    content_type: str
    data: bytes


def fetch(details: dict[str, Any]) -> Picture | None:
    """The picture that the entry of a generation names; None where there is none (any more), or it is none."""
    wanted = details.get("picture")
    if not isinstance(wanted, str) or not status.current().is_up:
        return None
    output = Output.of(wanted)
    try:
        with Client(address.configured(), read=READ_SECONDS) as client:
            data = client.view(output.filename, output.subfolder, output.type, MOST).body
    except ComfyError:
        return None
    content_type = type_of(data)
    return Picture(content_type, data) if content_type else None


def type_of(data: bytes) -> str:
    """By the first bytes, whatever ComfyUI calls it; "" for what is no picture that a browser shows safely."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:12] in {b"ftypavif", b"ftypavis"}:
        return "image/avif"
    return next((name for start, name in SIGNATURES.items() if data.startswith(start)), "")
