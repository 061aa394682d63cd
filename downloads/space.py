"""Does it fit? What is still to fetch against what is free, the reserve and the declared quota."""

from __future__ import annotations

import time
from pathlib import Path

from django.conf import settings

from downloads.models import DownloadHistory, FileStatus
from downloads.transfer import DiskSpace, disk_space, reserved_bytes
from settings_app import preferences

KEEP = 3.0  # seconds
_known: tuple[tuple[Path, int, int], float, DiskSpace] | None = None


def volume() -> DiskSpace:
    """Room on the models volume, by the declared quota and reserve. Cheap to call.

    Counting what a quota has left walks all files, so its answer is kept for KEEP seconds.
    """
    global _known
    root, quota = settings.MODELS_DIR, preferences.get("disk_quota")
    reserve = preferences.get("disk_reserve")
    if quota is None:
        return disk_space(root, None, reserve)
    key, now = (root, quota, reserve), time.monotonic()
    if _known is None or _known[0] != key or now - _known[1] > KEEP:
        _known = (key, now, disk_space(root, quota, reserve))
    return _known[2]


def forget() -> None:
    """Something was deleted or has arrived: look at the disk at the next question."""
    global _known
    _known = None


def usable_bytes() -> int:
    """Bytes that installs may still take, the reserve left alone."""
    return volume().usable


def still_to_fetch(row: DownloadHistory) -> int:
    """Bytes of free space that the rest of the install takes.

    A preallocated partial has left the free space already, so its blocks count as fetched.
    """
    return sum(
        max(0, file.bytes_total - reserved_bytes(settings.MODELS_DIR, file.path))
        for file in row.files.all()
        if file.status not in {FileStatus.COMPLETED, FileStatus.SKIPPED}
    )


def missing_space(row: DownloadHistory) -> int:
    """Bytes that must be freed before the install fits; 0 or less when it does."""
    need = still_to_fetch(row)
    return need + preferences.get("disk_reserve") - volume().free if need else 0
