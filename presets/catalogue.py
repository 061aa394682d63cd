"""The catalogue of this moment: presets.yaml and the official workflow templates, read when they change."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings

from extension_points import WantedFile
from presets import file_source, templates_source
from presets.document import Document, is_preset_id
from presets.path_conflicts import PathConflicts, find_path_conflicts, warn_of_case
from presets.preset import Category, Preset, PresetFile, Source
from values.kept import Kept

__all__ = ["Catalogue", "Category", "Preset", "PresetFile", "catalogue", "forget", "is_preset_id", "wanted_files"]

log = logging.getLogger(__name__)

# Where presets come from. Each answers what it has to offer, its faults as sentences, and never raises; the version of
# the first one is the catalogue's.
SOURCES: Mapping[Source, Callable[[], Document]] = {
    "file": file_source.read,
    "templates": templates_source.read,
}


@dataclass(frozen=True)
class Catalogue:
    """``presets`` by id, in the order of the sources; ``problems`` are sentences about what could not be shown."""

    presets: dict[str, Preset]
    categories: dict[str, Category]
    version: str
    problems: tuple[str, ...]
    path_conflicts: PathConflicts


@dataclass(frozen=True)
class _Stamp:
    """Equal stamps mean the same file with the same content."""

    path: str
    inode: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0  # a file that was made readable has changed too
    size: int = -1  # no file


_catalogue: Kept[Catalogue] = Kept()


def catalogue() -> Catalogue:
    """Cheap to call, safe from several threads, never raises: a broken presets.yaml leaves the templates.

    Looks at the file's time at each call: another process may have refreshed it, and tells the pages at once.
    """
    return _catalogue.get(_stamp(), _read)


def forget() -> None:
    _catalogue.forget()


def wanted_files(preset_id: str) -> Sequence[WantedFile] | None:
    """What an install of this id fetches today, or None when the catalogue does not know it (any more)."""
    preset = catalogue().presets.get(preset_id)
    if preset is None or preset.problem:
        return None
    return [WantedFile(file.path, file.url, file.size_guess, optional=file.optional) for file in preset.files]


def _stamp() -> _Stamp:
    path = settings.PRESETS_FILE
    try:
        status = path.stat()
    except OSError:
        return _Stamp(str(path))
    return _Stamp(str(path), status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)


def _read() -> Catalogue:
    found = [read() for read in SOURCES.values()]
    presets = {preset.id: preset for document in found for preset in document.presets.values()}
    presets = warn_of_case(presets, settings.MODELS_DIR)
    categories: dict[str, Category] = {}
    for document in found:
        categories = document.categories | categories
    problems = tuple(sentence for document in found for sentence in document.problems)
    for sentence in problems:
        log.warning("Catalogue: %s", sentence)
    return Catalogue(
        presets=presets,
        categories=categories,
        version=found[0].version,
        problems=problems,
        path_conflicts=find_path_conflicts(presets.values()),
    )
