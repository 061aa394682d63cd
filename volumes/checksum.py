"""SHA-256 of what lies in files, read block by block."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

BLOCK = 2**20  # bytes


def ignore(count: int) -> None:
    """Tells nobody how far the reading is."""


def sha256_of(file: Path, read: Callable[[int], None] = ignore) -> str:
    """Hex. ``read`` is told of the bytes of each block; what it raises ends the reading. Raises OSError."""
    with file.open("rb", buffering=0) as source:
        return sha256_of_open(source, read)


def sha256_of_open(source: BinaryIO, read: Callable[[int], None] = ignore) -> str:
    """As `sha256_of`, for a file that is open, from where it stands to its end."""
    digest = hashlib.sha256()
    block = memoryview(bytearray(BLOCK))
    while count := source.readinto(block):  # type: ignore[attr-defined]  # every file has it, BinaryIO does not say so
        digest.update(block[:count])
        read(count)
    return digest.hexdigest()


def sha256_of_blocks(blocks: Iterable[bytes]) -> str:
    """Hex, of these blocks one after the other."""
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()
