"""Files and records with sensible defaults."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

from django.conf import settings

from downloads.file_records import ModelFile
from downloads.inventory import scan

CATALOGUE = """
metadata: {version: "1"}
categories: {Images: {description: Pictures, type: image}}
presets:
  ALPHA:
    name: Alpha
    category: Images
    type: image
    files:
      - {path: checkpoints/alpha.safetensors, url: "https://huggingface.co/o/alpha/resolve/main/alpha.safetensors"}
      - {path: vae/shared.safetensors, url: "https://huggingface.co/o/shared/resolve/main/shared.safetensors"}
  BETA:
    name: Beta
    category: Images
    type: image
    files:
      - {path: checkpoints/beta.safetensors, url: "https://huggingface.co/o/beta/resolve/main/beta.safetensors"}
      - {path: vae/shared.safetensors, url: "https://huggingface.co/o/shared/resolve/main/shared.safetensors"}
"""


def model(size: int, seed: str = "") -> bytes:
    """A safetensors file of exactly ``size`` bytes (at least 100), whose content depends on the seed."""
    room = size - 8 - 80
    text = json.dumps({"w": {"dtype": "U8", "shape": [room], "data_offsets": [0, room]}}).ljust(80).encode()
    data = hashlib.shake_128(seed.encode()).digest(room)
    return struct.pack("<Q", len(text)) + text + data


def put(path: str, size: int = 1000, seed: str | None = None, root: Path | None = None) -> Path:
    """A model file below the models folder; without a seed its content goes by its path."""
    file = (root or settings.MODELS_DIR) / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(model(size, path if seed is None else seed))
    scan.forget()
    return file


def installed(path: str, size: int = 1000, seed: str | None = None) -> ModelFile:
    """A file as an install leaves it: on the disk and on record."""
    file = put(path, size, seed)
    status = file.stat()
    return ModelFile.objects.create(
        path=path,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        url=f"https://huggingface.co/o/r/resolve/main/{path}",
    )


def begun(path: str, size: int = 500) -> Path:
    """A .part of ``size`` bytes without a journal."""
    file: Path = settings.MODELS_DIR / (path + ".part")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * size)
    scan.forget()
    return file
