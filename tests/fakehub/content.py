"""What files are made of: small valid models, and big ones that cost no memory."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import random
import struct
import tempfile
from pathlib import Path

# Prime, so that bytes put at a wrong place by any round distance are seen by the checksum.
BLOCK = 1_048_573
BLOCKS_AT_HAND = 16


def safetensors_bytes(size: int = 4096, seed: int = 0) -> bytes:
    """A valid safetensors file of exactly `size` bytes (at least 200) with one tensor of random bytes."""
    head = safetensors_head(size)
    return head + random.Random(seed).randbytes(size - len(head))


def safetensors_head(size: int) -> bytes:
    length = 120
    tensor = {"weight": {"dtype": "U8", "shape": [size - 8 - length], "data_offsets": [0, size - 8 - length]}}
    return struct.pack("<Q", length) + json.dumps(tensor).encode().ljust(length)


def gguf_bytes(size: int = 4096, seed: int = 0) -> bytes:
    """A valid GGUF file of about `size` bytes (at least 256) with one F32 tensor."""
    count = (size - 128) // 4
    name = b"weight"
    info = struct.pack("<Q", len(name)) + name + struct.pack("<IQIQ", 1, count, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + info
    return head.ljust(-(-len(head) // 32) * 32, b"\0") + random.Random(seed).randbytes(count * 4)


class Content:
    """Bytes of a file, to be had at any place, as a file descriptor to send from."""

    size: int
    sha256: str

    def span(self, start: int, end: int) -> tuple[int, int, int]:
        """A descriptor, an offset in it and how many bytes of [start, end) stand there in one piece."""
        raise NotImplementedError

    def read(self, start: int, end: int) -> bytes:
        found = b""
        while start < end:
            handle, offset, count = self.span(start, end)
            piece = os.pread(handle, count, offset)
            found, start = found + piece, start + len(piece)
        return found


class Bytes(Content):
    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the content
        self.file.write(data)
        self.file.flush()

    def span(self, start: int, end: int) -> tuple[int, int, int]:
        return self.file.fileno(), start, end - start

    def __del__(self) -> None:
        self.file.close()


class OnDisk(Content):
    """A file that is there already."""

    def __init__(self, path: Path, sha256: str = "") -> None:
        self.file = path.open("rb")
        self.size = path.stat().st_size
        self._sha256 = sha256

    @functools.cached_property
    def sha256(self) -> str:  # type: ignore[override]
        return self._sha256 or hashlib.file_digest(self.file, "sha256").hexdigest()

    def span(self, start: int, end: int) -> tuple[int, int, int]:
        return self.file.fileno(), start, end - start

    def __del__(self) -> None:
        self.file.close()


class Generated(Content):
    """A valid safetensors file of any size: a header, then one random block again and again."""

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size, self.seed = size, seed
        self.head = Bytes(safetensors_head(size))
        self.blocks = _blocks(seed)

    @functools.cached_property
    def sha256(self) -> str:  # type: ignore[override]
        return _generated_sha256(self.size, self.seed)

    def span(self, start: int, end: int) -> tuple[int, int, int]:
        if start < self.head.size:
            return self.head.span(start, min(end, self.head.size))
        place = (start - self.head.size) % BLOCK
        return self.blocks.file.fileno(), place, min(end - start, self.blocks.size - place)


@functools.lru_cache(maxsize=4)
def _blocks(seed: int) -> Bytes:
    return Bytes(random.Random(seed).randbytes(BLOCK) * BLOCKS_AT_HAND)


@functools.lru_cache(maxsize=64)
def _generated_sha256(size: int, seed: int) -> str:
    digest = hashlib.sha256(safetensors_head(size))
    block = random.Random(seed).randbytes(BLOCK)
    left = size - 128
    while left > 0:
        digest.update(block[:left])
        left -= BLOCK
    return digest.hexdigest()
