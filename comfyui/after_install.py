"""After an install: does ComfyUI list the new files? The best sign that they went into the right folder."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from django.utils import timezone

from activity.models import Activity
from comfyui import folders
from comfyui.client import Client, ComfyError
from comfyui.models import ComfyState
from downloads.disk import ALIASES, models_index
from downloads.models import DownloadFile, FileStatus, Status


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
    """Those of paths (``kind/sub/name``) that lie here and that ComfyUI does not list."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    index = models_index()
    for path in dict.fromkeys(paths):
        kind, _, name = path.partition("/")
        if name and index.find(path):
            by_kind[ALIASES.get(kind, kind)].append(path)
    missing = []
    for kind, wanted in by_kind.items():
        try:
            listed = set(client.models(kind))
        except ComfyError as error:
            if error.trouble == "broken":  # a folder of this kind has vanished over there: nothing can be said
                continue
            if error.trouble != "missing":
                raise
            listed = set()
        missing += [path for path in wanted if path.partition("/")[2] not in listed]
    return missing


def warn(paths: list[str]) -> None:
    """One entry for each file that ComfyUI does not see, with the folders that it reads instead."""
    reported = folders.read().kinds if paths else {}
    for path in paths:
        kind, _, name = path.partition("/")
        file = models_index().find(path)
        read = reported.get(ALIASES.get(kind, kind), [])
        where = f"ComfyUI reads {', '.join(read)}" if read else f"ComfyUI has no folder for {kind}"
        Activity.log(
            "error",
            "warning",
            f"ComfyUI does not list {name}",
            f"It was installed as {file.file if file else path}. {where}. See Settings, ComfyUI.",
            path=path,
            folders=read,
        )
