"""Folders that ComfyUI reads models from, as it reports them; used where they are folders here and were accepted."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from comfyui.client import Client, ComfyError
from comfyui.models import Report
from downloads import disk

NO_MODELS = frozenset({"configs", "custom_nodes", "classifiers"})
CACHE_SECONDS = 5.0

_cached: tuple[float, dict[str, list[Path]]] | None = None


@dataclass(frozen=True)
class Offer:
    """A folder of ComfyUI that this dashboard does not read (yet)."""

    kind: str
    path: str
    accepted: bool


def ask(client: Client) -> dict[str, Any]:
    """Folders and extensions by kind from both routes that tell; raises ComfyError where neither does."""
    folders: dict[str, list[str]] = {}
    extensions: dict[str, list[str]] = {}
    failures = []
    for question, read in ((client.model_folders, _read_experiment), (client.folder_paths, _read_internal)):
        try:
            read(question(), folders, extensions)
        except ComfyError as error:
            failures.append(error)
    if len(failures) == 2:
        raise failures[0]
    nodes = folders.pop("custom_nodes", [])
    return {
        "folders": {kind: paths for kind, paths in folders.items() if kind not in NO_MODELS},
        "extensions": extensions,
        "custom_nodes": nodes,
    }


def _read_experiment(found: Any, folders: dict[str, list[str]], extensions: dict[str, list[str]]) -> None:
    for item in found if isinstance(found, list) else ():
        if isinstance(item, dict) and isinstance(item.get("name"), str):
            _add(folders, item["name"], item.get("folders"))
            if isinstance(item.get("extensions"), list):
                extensions[item["name"]] = [str(suffix) for suffix in item["extensions"]]


def _read_internal(found: Any, folders: dict[str, list[str]], extensions: dict[str, list[str]]) -> None:
    for kind, paths in found.items() if isinstance(found, dict) else ():
        _add(folders, str(kind), paths)


def _add(folders: dict[str, list[str]], kind: str, paths: Any) -> None:
    listed = folders.setdefault(kind, [])
    listed += [path for path in paths if isinstance(path, str) and path not in listed] if paths else []


def keep(report: dict[str, Any]) -> None:
    Report.objects.update_or_create(pk=Report.FOLDERS, defaults={"value": report, "taken_at": timezone.now()})


@dataclass(frozen=True)
class Folders:
    """The last answer, by kind, as ComfyUI's machine names them, and which of these folders we use; one query."""

    kinds: dict[str, list[str]]
    packs: list[str]
    accepted: list[str]

    @property
    def custom_nodes(self) -> Path | None:
        """ComfyUI's folder of node packs, where it is a folder here."""
        return next((Path(path) for path in self.packs if Path(path).is_dir()), None)

    def roots(self) -> dict[str, list[Path]]:
        """Accepted folders by kind that exist here."""
        found = {
            kind: [Path(path) for path in paths if path in self.accepted and Path(path).is_dir()]
            for kind, paths in self.kinds.items()
        }
        return {kind: paths for kind, paths in found.items() if paths}

    def offers(self) -> list[Offer]:
        """What ComfyUI reads beyond our own models folder and extra_model_paths, where it is a folder here."""
        extra = disk.extra_model_paths(settings.EXTRA_MODEL_PATHS)
        own = {folder.resolve() for folders in extra.values() for folder in folders}
        ours = settings.MODELS_DIR.resolve()
        return [
            Offer(kind, path, path in self.accepted)
            for kind, paths in sorted(self.kinds.items())
            for path in paths
            if Path(path).is_dir() and Path(path).resolve() not in own and not Path(path).resolve().is_relative_to(ours)
        ]

    def mismatch(self) -> str:
        """A sentence when installs go where ComfyUI does not look; empty when all is well or not known."""
        here = [Path(path) for paths in self.kinds.values() for path in paths if Path(path).is_dir()]
        ours = settings.MODELS_DIR.resolve()
        if not here or any(folder.resolve().is_relative_to(ours) for folder in here):
            return ""
        # ComfyUI's own models folder is the parent of its first folder of checkpoints.
        first = next(iter(self.kinds.get("checkpoints", [])), "")
        root = Path(first).parent if first and Path(first).is_dir() else here[0].parent
        return (
            f"Models are installed into {settings.MODELS_DIR}, but ComfyUI does not read that folder. "
            f"Set COMFYDASH_MODELS_DIR={root} and restart."
        )


def read() -> Folders:
    reports = Report.objects.in_bulk([Report.FOLDERS, Report.ACCEPTED])
    answer = reports[Report.FOLDERS].value if Report.FOLDERS in reports else {}
    accepted = reports[Report.ACCEPTED].value if Report.ACCEPTED in reports else []
    return Folders(dict(answer.get("folders", {})), list(answer.get("custom_nodes", [])), list(accepted))


def custom_nodes() -> Path | None:
    """ComfyUI's folder of node packs, where it is a folder here."""
    return read().custom_nodes


def reported_roots() -> dict[str, list[Path]]:
    """Accepted folders by kind that exist here. Asked with each look at the disk, so kept for a few seconds."""
    global _cached
    now = time.monotonic()
    if _cached and now - _cached[0] < CACHE_SECONDS:
        return _cached[1]
    try:
        roots = read().roots()
    except DatabaseError:  # before the first migration
        return {}
    _cached = (now, roots)
    return roots


def forget() -> None:
    global _cached
    _cached = None
    disk.forget()


def accept(paths: list[str]) -> list[str]:
    """Read these folders of ComfyUI too, and no other ones; what was not offered is left out."""
    chosen = [offer.path for offer in read().offers() if offer.path in paths]
    Report.objects.update_or_create(pk=Report.ACCEPTED, defaults={"value": chosen, "taken_at": timezone.now()})
    forget()
    return chosen
