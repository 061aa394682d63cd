"""Folders that ComfyUI reads models from, as it reports them; used where they are folders here and were accepted."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from comfyui.client import Client, ComfyError
from comfyui.models import Report
from downloads.inventory import scan
from downloads.models import ACTIVE, DownloadFile
from values.kept import Kept

NO_MODELS = frozenset({"configs", "custom_nodes", "classifiers"})
CACHE_SECONDS = 5.0
# What ComfyUI lists where it does not report extensions (before 0.28). Source: folder_paths.py of ComfyUI.
SUFFIXES = frozenset({".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft"})

_roots: Kept[dict[str, list[Path]]] = Kept(CACHE_SECONDS)


@dataclass(frozen=True)
class Offer:
    """A folder of ComfyUI outside our models folder. New models of its kind may go there where it can take them."""

    kind: str
    path: str
    accepted: bool
    chosen: bool
    can_take: bool


class KindBusy(ValueError):
    """Where a kind goes is settled while something of it is being installed."""


def ask_comfyui(client: Client) -> dict[str, Any]:
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
    extensions: dict[str, list[str]]  # by kind; empty: every file. Older versions report none
    packs: list[str]
    accepted: list[str]
    chosen: dict[str, str]  # by kind: where new models go

    @property
    def custom_nodes(self) -> Path | None:
        """ComfyUI's folder of node packs, where it is a folder here."""
        return next((Path(path) for path in self.packs if Path(path).is_dir()), None)

    def roots(self) -> dict[str, list[Path]]:
        """Accepted folders by kind that exist here, the one for new files first."""
        found = {
            kind: [Path(path) for path in paths if path in self.accepted and Path(path).is_dir()]
            for kind, paths in self.kinds.items()
        }
        for kind, folder in self.targets().items():
            found[kind].sort(key=lambda path: path != folder)
        return {kind: paths for kind, paths in found.items() if paths}

    def targets(self) -> dict[str, Path]:
        """Chosen folders by kind. One that ComfyUI reads no more, or that we do not, is chosen no more."""
        return {
            kind: Path(path)
            for kind, path in self.chosen.items()
            if path in self.kinds.get(kind, ()) and path in self.accepted
        }

    def offers(self) -> list[Offer]:
        """What ComfyUI reads beyond our own models folder and extra_model_paths, where it is a folder here."""
        extra = scan.extra_model_paths(settings.EXTRA_MODEL_PATHS)
        own = {folder.resolve() for folders in extra.values() for folder in folders}
        ours = settings.MODELS_DIR.resolve()
        return [
            Offer(kind, path, path in self.accepted, self.chosen.get(kind) == path, _can_take(Path(path)))
            for kind, paths in sorted(self.kinds.items())
            for path in paths
            if Path(path).is_dir() and Path(path).resolve() not in own and not Path(path).resolve().is_relative_to(ours)
        ]

    def choices(self) -> dict[str, list[Offer]]:
        """By kind: the folders that new models may go to instead of the models folder."""
        found: dict[str, list[Offer]] = {}
        for offer in self.offers():
            if offer.can_take:
                found.setdefault(offer.kind, []).append(offer)
        return found

    def kinds_beside(self, kind: str) -> list[str]:
        """The kind and those that share a folder with it: node packs register theirs over the usual ones."""
        folders = set(self.kinds.get(kind, ()))
        return [kind, *(other for other, paths in self.kinds.items() if other != kind and folders & set(paths))]

    def listed_suffixes(self, kind: str) -> frozenset[str] | None:
        """Endings of the files that ComfyUI lists from the folders of a kind; None where it lists every file."""
        suffixes: set[str] = set()
        for beside in self.kinds_beside(kind):
            told = self.extensions.get(beside)
            if told == []:
                return None
            suffixes |= {suffix for suffix in told if suffix.startswith(".")} if told else SUFFIXES
        return frozenset(suffixes)

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
    reports = Report.objects.in_bulk([Report.FOLDERS, Report.ACCEPTED, Report.CHOSEN])
    answer = reports[Report.FOLDERS].value if Report.FOLDERS in reports else {}
    accepted = reports[Report.ACCEPTED].value if Report.ACCEPTED in reports else []
    chosen = reports[Report.CHOSEN].value if Report.CHOSEN in reports else {}
    return Folders(
        dict(answer.get("folders", {})),
        dict(answer.get("extensions", {})),
        list(answer.get("custom_nodes", [])),
        list(accepted),
        dict(chosen),
    )


def custom_nodes() -> Path | None:
    """ComfyUI's folder of node packs, where it is a folder here."""
    return read().custom_nodes


def reported_roots() -> dict[str, list[Path]]:
    """Accepted folders by kind that exist here. Asked with each look at the disk, so kept for a few seconds."""
    try:
        return _roots.get(None, lambda: read().roots())
    except DatabaseError:  # before the first migration
        return {}


def forget() -> None:
    _roots.forget()
    scan.forget()


def chosen_folders() -> dict[str, Path]:
    """Where new models go, by kind; asked anew for each file, for it must be the same in every process."""
    try:
        return read().targets()
    except DatabaseError:  # before the first migration
        return {}


def accept(paths: list[str], wanted: dict[str, str] | None = None) -> list[str]:
    """Read these folders of ComfyUI too, and put new models of a kind where ``wanted`` says; "" is the models folder.

    What was not offered is left out. A folder that is to take models is read as well. Raises KindBusy.
    """
    known = read()
    choices = known.choices()
    chosen = {
        kind: path for kind, path in (wanted or {}).items() if path in {offer.path for offer in choices.get(kind, ())}
    }
    accepted = [offer.path for offer in known.offers() if offer.path in paths or chosen.get(offer.kind) == offer.path]
    accepted = list(dict.fromkeys(accepted))
    now = known.targets()
    after = replace(known, accepted=accepted, chosen=chosen).targets()
    _refuse_while_busy({kind for kind in now.keys() | after.keys() if now.get(kind) != after.get(kind)})
    for key, value in ((Report.ACCEPTED, accepted), (Report.CHOSEN, chosen)):
        Report.objects.update_or_create(pk=key, defaults={"value": value, "taken_at": timezone.now()})
    forget()
    return accepted


def _refuse_while_busy(kinds: set[str]) -> None:
    """What an install has begun would be left behind in the folder of before."""
    if not kinds:
        return
    files = DownloadFile.objects.filter(download__status__in=ACTIVE)
    for pk, path in files.values_list("pk", "path"):
        if scan.resolved(path).partition("/")[0] in kinds:
            file = DownloadFile.objects.select_related("download").get(pk=pk)
            raise KindBusy(
                f"“{file.download.title}” is {file.download.status} and brings {file.path}. "
                "Let it end, or cancel it, before these models go elsewhere."
            )


def _can_take(folder: Path) -> bool:
    """A real folder, no link to one, that this user may write."""
    return not folder.is_symlink() and os.access(folder, os.W_OK | os.X_OK)
