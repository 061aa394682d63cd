"""The bytes that an install wants, here already under another name: linked or copied instead of fetched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from downloads.file_records import ModelFile
from downloads.inventory.scan import models_index
from downloads.models import DownloadFile


class LocalCopies:
    """For all files of an install, by one query.

    The engine proves a copy before it links it.
    """

    def __init__(self) -> None:
        self._paths: dict[str, list[str]] = {}

    def look_up(self, files: Iterable[DownloadFile]) -> None:
        found = defaultdict(list)
        wanted = {file.sha256 for file in files} - {""}
        rows = ModelFile.objects.filter(sha256__in=wanted).order_by("path")
        for sha256, path in rows.values_list("sha256", "path"):
            found[sha256].append(path)
        self._paths.update(found)

    def of(self, path: str, sha256: str) -> tuple[tuple[Path, str], ...]:
        """Root, and path below it, of each other file on record with this SHA-256."""
        others = [other for other in self._paths.get(sha256, []) if other != path]
        if not others:
            return ()
        index = models_index()
        found = [file for other in others if (file := index.find(other))]
        return tuple((file.root, str(file.file.relative_to(file.root))) for file in found)
