"""Does it fit? What is still to fetch against what is free, the reserve and the declared quota."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db.models import Count, Q, Sum

from downloads.inventory.destinations import Destinations
from downloads.inventory.scan import models_index
from downloads.models import ACTIVE, ENDED_FILES, DownloadFile, DownloadHistory, FileStatus
from downloads.transfer import LEAST_MISSING, DiskSpace, disk_space, reserved_bytes
from settings_app import preferences
from values.kept import Kept

KEEP_SECONDS = 3.0
_by_quota: Kept[DiskSpace] = Kept(KEEP_SECONDS)


def volume() -> DiskSpace:
    """Room on the models volume, by the declared quota and reserve. Cheap to call.

    Counting what a quota has left walks all files, so its answer is kept for KEEP_SECONDS.
    """
    root, quota = settings.MODELS_DIR, preferences.get("disk_quota")
    reserve = preferences.get("disk_reserve")
    if quota is None:
        return disk_space(root, None, reserve)
    return _by_quota.get((root, quota, reserve), lambda: disk_space(root, quota, reserve))


def forget() -> None:
    _by_quota.forget()


def usable_bytes() -> int:
    """Bytes that installs may still take, the reserve left alone."""
    return volume().usable


def still_to_fetch(row: DownloadHistory, places: Destinations | None = None) -> int:
    """Bytes of free space that the rest of the install takes, wherever its files go. One query less with places."""
    return sum(_still_to_fetch(row, places or Destinations.now()).values())


def queue_to_fetch() -> int:
    """Bytes that everything in the queue has still to fetch, counted by the database."""
    files = DownloadFile.objects.filter(download__status__in=ACTIVE).exclude(status__in=ENDED_FILES)
    untold = Q(bytes_total=0, status=FileStatus.FAILED, download__reason="disk_full")
    counted = files.aggregate(bytes=Sum("bytes_total"), untold=Count("pk", filter=untold))
    begun = {found.begun: found.blocks * 512 for found in models_index().partials.values()}
    # What a partial has taken is gone from the free space already.
    taken = sum(
        min(size, begun[path]) for path, size in files.filter(path__in=begun).values_list("path", "bytes_total")
    )
    return max(0, int(counted["bytes"] or 0) - taken) + int(counted["untold"]) * LEAST_MISSING


def missing_space(row: DownloadHistory, places: Destinations | None = None) -> int:
    """Bytes that must be freed before the install fits, where they lack most; 0 or less when it does."""
    reserve = preferences.get("disk_reserve")
    wanted = _still_to_fetch(row, places or Destinations.now())
    return max((need + reserve - _free(root) for root, need in wanted.items() if need), default=0)


def _still_to_fetch(row: DownloadHistory, places: Destinations) -> dict[Path, int]:
    """By volume, named by one of its folders.

    A preallocated partial has left the free space already, so its blocks count as fetched. A file whose size nobody
    tells needs nothing, until it has filled the disk: then what its refusal said.
    """
    needs: dict[Path, int] = defaultdict(int)
    for file in row.files.all():
        if file.status not in ENDED_FILES:
            place = places.of(file.path)
            if file.bytes_total:
                needs[_volume_of(place.root)] += max(0, file.bytes_total - reserved_bytes(*place))
            elif row.reason == "disk_full" and file.status == FileStatus.FAILED:
                needs[_volume_of(place.root)] += LEAST_MISSING
    return needs


def _volume_of(root: Path) -> Path:
    """The models folder for whatever lies on its volume: they share its free space and its quota."""
    if root != settings.MODELS_DIR:
        with suppress(OSError):  # away: the install says so when it gets there
            if root.stat().st_dev != settings.MODELS_DIR.stat().st_dev:
                return root
    return settings.MODELS_DIR


def _free(root: Path) -> int:
    return volume().free if root == settings.MODELS_DIR else disk_space(root).free
