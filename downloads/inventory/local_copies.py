"""The bytes that an install wants, here already under another name: linked or copied instead of fetched."""

from __future__ import annotations

from pathlib import Path

from downloads.file_records import ModelFile
from downloads.inventory.scan import models_index


def local_copies_of(path: str, sha256: str) -> tuple[tuple[Path, str], ...]:
    """Root, and path below it, of each other file on record with this SHA-256. The engine proves it before it links."""
    if not sha256:
        return ()
    index = models_index()
    others = ModelFile.objects.filter(sha256=sha256).exclude(path=path).order_by("path").values_list("path", flat=True)
    found = [file for other in others if (file := index.find(other))]
    return tuple((file.root, str(file.file.relative_to(file.root))) for file in found)
