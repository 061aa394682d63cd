"""Catalogues and model files with sensible defaults."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from downloads.inventory import scan
from presets import catalogue

HUB = "https://huggingface.co"


def file(path: str = "checkpoints/a.safetensors", url: str = "", **fields: Any) -> dict[str, Any]:
    return {"path": path, "url": url or f"{HUB}/org/repo/resolve/main/{path.rpartition('/')[2]}", **fields}


def preset(*files: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "A", "category": "Pictures", "type": "image", **fields, "files": list(files or [file()])}


def document(presets: Mapping[str, Any], version: str = "1.0", **fields: Any) -> bytes:
    return yaml.safe_dump(
        {"metadata": {"version": version}, **fields, "presets": dict(presets)}, sort_keys=False
    ).encode()


def write_catalogue(presets: Mapping[str, Any], **fields: Any) -> Path:
    """Put presets.yaml in place and make this process look at it."""
    path = Path(settings.PRESETS_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(document(presets, **fields))
    catalogue.forget()
    return path


def safetensors(size: int = 64, fill: int = 1) -> bytes:
    """A sound safetensors file with ``size`` bytes of one tensor."""
    header = json.dumps({"t": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes([fill]) * size


def put_model(path: str, data: bytes | None = None) -> Path:
    """A file in the models folder, as somebody else might have put it there."""
    place = Path(settings.MODELS_DIR) / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(safetensors() if data is None else data)
    scan.forget()
    return place


def ids(presets: Iterable[Any]) -> list[str]:
    return [preset.id for preset in presets]


def chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + len(body).to_bytes(4, "little") + body
