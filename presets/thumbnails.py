"""The pictures of the official templates: of the media packages where installed, else of the ComfyUI beside us.

A page only asks what may be had; the picture itself is fetched by the image's own request, and kept between starts.
"""

from __future__ import annotations

import pkgutil
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.machinery import FileFinder
from pathlib import Path

from comfyui import address, reports, status
from comfyui.client import Client, ComfyError
from comfyui.thumbnails import Picture, type_of
from derived.cache import DerivedCache, FileState
from presets.templates_source import template_names
from presets.webp_frame import first_frame
from volumes.file_names import shown

PACKAGES = "comfyui_workflow_templates_media_"  # what the optional packages' modules begin with
FIRST = "-1"  # NAME-1.webp is a template's first picture
KINDS = {".webp": "image/webp", ".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif"}
MOST = 8 * 2**20  # bytes of one picture; the largest of the packages has 4
READ_SECONDS = 5.0  # seconds
MISSING_FOR = 6 * 3600.0  # seconds that a picture ComfyUI does not have is not asked for again
QUIET = 60.0  # seconds that nothing is asked after ComfyUI gave no answer

_quiet_until = 0.0


def offered() -> frozenset[str]:
    """Names of the templates whose picture may be had now. Three queries; nothing is fetched."""
    names, kept = template_names(), KEPT.sizes()
    found = {name for name in names if name in packaged() or kept.get(shown(name))}
    if _may_ask():
        found |= {name for name in names & reports.template_names() if shown(name) not in kept}
    return frozenset(found)


def picture(name: str) -> Picture | None:
    """The picture of a template, or None where there is none to be had now. May wait for ComfyUI."""
    if name not in template_names():
        return None
    if file := packaged().get(name):
        return _read(file)
    template = FileState(name)
    kept = KEPT.read([template])
    return kept[template] if template in kept else _fetch(template)


# --- from the packages ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def packaged() -> Mapping[str, Path]:
    """The first picture of each template by its name; looked up once, a new package comes with a restart."""
    found: dict[str, Path] = {}
    for folder in _package_folders():
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if file.suffix in KINDS and file.stem.endswith(FIRST):
                found.setdefault(file.stem.removesuffix(FIRST), file)
    return found


def _package_folders() -> Iterator[Path]:
    for module in pkgutil.iter_modules():
        if module.name.startswith(PACKAGES) and isinstance(module.module_finder, FileFinder):
            yield Path(module.module_finder.path) / module.name / "templates"


# --- from ComfyUI --------------------------------------------------------------------------------------------------


def _may_ask() -> bool:
    return time.monotonic() >= _quiet_until and status.current().is_up


def _fetch(template: FileState) -> Picture | None:
    global _quiet_until
    if not _may_ask():
        return None
    try:
        with Client(address.configured(), read=READ_SECONDS) as client:
            found = _checked(client.template_picture(template.path, MOST))
    except ComfyError as error:
        if error.trouble not in {"missing", "too_large"}:
            _quiet_until = time.monotonic() + QUIET
            return None
        found = None
    KEPT.write({template: found})
    return found


# --- what a picture is -----------------------------------------------------------------------------------------------


def _read(file: Path) -> Picture | None:
    try:
        with file.open("rb") as opened:
            return _checked(opened.read(MOST + 1))
    except OSError:
        return None


def _checked(data: bytes) -> Picture | None:
    """By its first bytes, whatever its name or its sender calls it; a single frame where it moves."""
    kind = type_of(data)
    return Picture(kind, first_frame(data)) if kind in KINDS.values() and len(data) <= MOST else None


def _encoded(picture: Picture | None) -> bytes:
    return picture.data if picture else b""


def _decoded(kept: bytes) -> Picture | None:
    found = _checked(kept)
    if kept and found is None:
        raise ValueError("It is no picture.")
    return found


# The pictures that ComfyUI has or, for a while, does not have.
KEPT: DerivedCache[Picture | None] = DerivedCache(
    "picture of a template", "1", _encoded, _decoded, none_seconds=MISSING_FOR
)
