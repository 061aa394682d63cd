"""What torch.save writes: a zip archive, whatever its name ends with."""

from __future__ import annotations

from typing import BinaryIO

from modelfiles.errors import no_model

BEGINNING = b"PK\x03\x04"
DIRECTORY_END = b"PK\x05\x06"


def check(source: BinaryIO, size: int, name: str) -> None:
    """A truncated archive has lost the directory at its end."""
    source.seek(max(0, size - 65_557))
    if DIRECTORY_END not in source.read():
        raise no_model(name, "is truncated: the end of the archive is missing")
