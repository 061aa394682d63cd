"""After an install: does ComfyUI list the new files? The best sign that they went into the right folder."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from pathlib import PurePosixPath

from django.utils import timezone

from activity.models import Activity
from comfyui import folders
from comfyui.client import Client, ComfyError
from comfyui.models import ComfyState
from downloads.inventory.scan import models_index
from downloads.models import DownloadFile, FileStatus, Status
from modelfiles.model_folders import OLD_NAMES
from modelfiles.suffixes import LOADABLE


def check(client: Client) -> None:
    """Look for the files of installs completed since the last look; raises ComfyError when ComfyUI goes away.

    Installs made while ComfyUI is down are looked for when it is back.
    """
    since = ComfyState.get().checked_installs_at
    if since is None:
        _checked_until(timezone.now())
        return
    finished = DownloadFile.objects.filter(
        download__status=Status.COMPLETED, download__completed_at__gt=since, status=FileStatus.COMPLETED
    ).values_list("path", "download__completed_at")
    installed = list(finished)
    if installed:
        warn(not_listed(client, [path for path, _ in installed]))
        _checked_until(max(completed for _, completed in installed if completed))


def _checked_until(moment: datetime) -> None:
    ComfyState.objects.filter(pk=ComfyState.ONLY).update(checked_installs_at=moment)


def not_listed(client: Client, paths: list[str]) -> list[str]:
    """Those of paths (``kind/sub/name``) that lie here, are models, and that ComfyUI does not list."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    index, known = models_index(), folders.read()
    for path in dict.fromkeys(paths):
        kind, _, name = path.partition("/")
        if name and index.find(path) and _is_expected(known, kind, name):
            by_kind[OLD_NAMES.get(kind, kind)].append(path)
    missing = []
    for kind, wanted in by_kind.items():
        listed = _names_in_comfyui(client, known.kinds_beside(kind))
        if listed is not None:
            missing += [path for path in wanted if path.partition("/")[2] not in listed]
    return missing


def _is_expected(known: folders.Folders, kind: str, name: str) -> bool:
    """A configuration or a vocabulary beside a model is in no list; a model of a kind that packs may add is missed."""
    suffixes = known.listed_suffixes(OLD_NAMES.get(kind, kind))
    return suffixes is None or PurePosixPath(name).suffix.lower() in suffixes | set(LOADABLE)


def _names_in_comfyui(client: Client, kinds: list[str]) -> set[str] | None:
    """Names under any of the kinds; None where a folder of theirs has vanished over there: nothing can be said."""
    listed: set[str] = set()
    for kind in kinds:
        try:
            listed.update(client.models(kind))
        except ComfyError as error:
            if error.trouble == "broken":
                return None
            if error.trouble != "missing":
                raise
    return listed


def warn(paths: list[str]) -> None:
    """One entry for each file that ComfyUI does not see, with what it reads instead."""
    if not paths:
        return
    known = folders.read()
    for path in paths:
        kind, _, name = path.partition("/")
        file = models_index().find(path)
        Activity.log(
            "error",
            "warning",
            f"ComfyUI does not list {name}",
            f"It was installed as {file.file if file else path}. {_reason(known, kind, name)}",
            path=path,
            folders=known.kinds.get(OLD_NAMES.get(kind, kind), []),
        )


def _reason(known: folders.Folders, kind: str, name: str) -> str:
    kind_there = OLD_NAMES.get(kind, kind)
    read, suffixes = known.kinds.get(kind_there, []), known.listed_suffixes(kind_there)
    suffix = PurePosixPath(name).suffix.lower()
    if not read:
        return f"ComfyUI has no folder for {kind}; a node pack may add it. See Settings, ComfyUI."
    if suffixes is not None and suffix not in suffixes:
        return f"ComfyUI lists no {suffix} files of this kind. Install the node pack that reads them, and restart it."
    return f"ComfyUI reads {', '.join(read)}. See Settings, ComfyUI."
