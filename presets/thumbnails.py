"""The pictures of the official templates: of the media packages where installed, else of the ComfyUI beside us.

A page only asks what may be had; the picture itself is fetched by the image's own request, and kept in the data folder.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pkgutil
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.machinery import FileFinder
from pathlib import Path

from django.conf import settings

from comfyui import address, reports, status
from comfyui.client import Client, ComfyError
from comfyui.thumbnails import Picture, type_of
from presets.templates_source import template_names
from presets.webp_frame import first_frame
from volumes.files import write_whole

PACKAGES = "comfyui_workflow_templates_media_"  # what the optional packages' modules begin with
FIRST = "-1"  # NAME-1.webp is a template's first picture
KINDS = {".webp": "image/webp", ".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif"}
MOST = 8 * 2**20  # bytes of one picture; the largest of the packages has 4
MOST_KEPT = 48 * 2**20  # bytes of all that are kept
READ_SECONDS = 5.0  # seconds
MISSING = ".missing"
MISSING_FOR = 6 * 3600.0  # seconds that a picture ComfyUI does not have is not asked for again
QUIET = 60.0  # seconds that nothing is asked after ComfyUI gave no answer
log = logging.getLogger(__name__)

_quiet_until = 0.0


def offered() -> frozenset[str]:
    """Names of the templates whose picture may be had now. Two queries and a look at a folder; nothing is fetched."""
    names, files = template_names(), _kept_files()
    found = {name for name in names if name in packaged() or _key(name) in files}
    if _may_ask():
        found |= {name for name in names & reports.template_names() if not _is_missing(_key(name) + MISSING, files)}
    return frozenset(found)


def picture(name: str) -> Picture | None:
    """The picture of a template, or None where there is none to be had now. May wait for ComfyUI."""
    if name not in template_names():
        return None
    if file := packaged().get(name):
        return _read(file)
    return _read(_folder() / _key(name)) or _fetch(name)


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


def _fetch(name: str) -> Picture | None:
    global _quiet_until
    missing = _key(name) + MISSING
    if _is_missing(missing, {missing}) or not _may_ask():
        return None
    try:
        with Client(address.configured(), read=READ_SECONDS) as client:
            data = client.template_picture(name, MOST)
    except ComfyError as error:
        if error.trouble in {"missing", "too_large"}:
            _keep(missing, b"")
        else:
            _quiet_until = time.monotonic() + QUIET
        return None
    found = _checked(data)
    _keep(_key(name) if found else missing, found.data if found else b"")
    return found


# --- what is kept --------------------------------------------------------------------------------------------------


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "thumbnails"


@lru_cache(maxsize=2000)
def _key(name: str) -> str:
    """The name of its file: whatever a template is called, a path is made of our own letters only."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _kept_files() -> set[str]:
    try:
        return {entry.name for entry in os.scandir(_folder())}
    except OSError:
        return set()


def _is_missing(marker: str, files: set[str]) -> bool:
    if marker not in files:
        return False
    try:
        return time.time() - (_folder() / marker).stat().st_mtime < MISSING_FOR
    except OSError:
        return False


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


def _keep(key: str, data: bytes) -> None:
    """Whole or not at all; a folder that cannot be written only costs asking again."""
    folder = _folder()
    try:
        folder.mkdir(exist_ok=True)
        write_whole(folder / key, data)
        if data:
            (folder / (key + MISSING)).unlink(missing_ok=True)
        _make_room(folder)
    except OSError as error:
        log.debug("A picture could not be kept: %s", error)


def _make_room(folder: Path) -> None:
    """Those that lie here longest go first."""
    files = sorted((entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in os.scandir(folder))
    total = sum(size for _, size, _ in files)
    for _, size, path in files:
        if total <= MOST_KEPT:
            return
        Path(path).unlink(missing_ok=True)
        total -= size
