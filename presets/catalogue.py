"""The catalogue of this moment: presets.yaml and the official workflow templates, read when they change."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.conf import settings

from extension_points import WantedFile
from presets import starter, templates_source
from presets.document import BadDocument, Document, is_preset_id, parse_document
from presets.path_conflicts import PathConflicts, find_path_conflicts, warn_of_case, warn_of_path_conflicts
from presets.preset import Category, Preset, PresetFile
from values.kept import Kept

__all__ = ["Catalogue", "Category", "Preset", "PresetFile", "catalogue", "forget", "is_preset_id", "wanted_files"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Catalogue:
    """``presets`` by id, those of the file first; ``problems`` are sentences about what could not be shown."""

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
    document, problem = _read_file()
    templates = templates_source.templates()
    presets = {**warn_of_path_conflicts(document.presets), **{preset.id: preset for preset in templates.presets}}
    presets = warn_of_case(presets, settings.MODELS_DIR)
    problems = tuple(filter(None, (problem, *document.problems, templates.problem)))
    for sentence in problems:
        log.warning("Catalogue: %s", sentence)
    return Catalogue(
        presets=presets,
        categories=document.categories
        | {name: one for name, one in templates.categories.items() if name not in document.categories},
        version=document.version,
        problems=problems,
        path_conflicts=find_path_conflicts(presets.values()),
    )


def _read_file() -> tuple[Document, str]:
    path = settings.PRESETS_FILE
    nothing = Document("", {}, {}, ())
    try:
        data = starter.read_or_create(path)
    except OSError as error:
        return nothing, f"{path} cannot be read ({error.strerror}). Make it readable for this user."
    try:
        document = parse_document(data)
    except BadDocument as error:
        return (
            nothing,
            f"{path} cannot be used: {error} Repair it, or refresh the catalogue.",
        )
    named = [f"{path.name}, {sentence[:1].lower()}{sentence[1:]}" for sentence in document.problems]
    return replace(document, problems=tuple(named)), ""
