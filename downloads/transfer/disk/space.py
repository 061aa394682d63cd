"""How much room there is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

UNKNOWN = 2**50  # bytes, as rclone reports for a bucket: a disk that does not say must not count as full


@dataclass(frozen=True)
class DiskSpace:
    """Bytes. usable is what may still be written, the reserve left alone; never below zero."""

    total: int
    free: int
    usable: int


def disk_space(root: Path, quota: int | None = None, reserve: int = 0) -> DiskSpace:
    """Room at root. quota is what the volume really holds where the file system reports the disk of its host."""
    place = root
    while not place.exists() and place != place.parent:
        place = place.parent
    figures = os.statvfs(place)
    block = figures.f_frsize or figures.f_bsize
    total, free = figures.f_blocks * block, figures.f_bavail * block
    if not total:  # a volume that does not say
        total = free = UNKNOWN
    if quota:
        total = min(total, quota)
        free = min(free, max(0, quota - used_bytes(root)))
    return DiskSpace(total, free, max(0, free - reserve))


def used_bytes(root: Path) -> int:
    """What files below root take on the disk: blocks, not lengths, and a hard-linked file once."""
    seen: set[tuple[int, int]] = set()
    used = 0
    pending = [str(root)]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError:  # vanished or unreadable in between: it counts as empty
            continue
        for entry in entries:
            try:
                facts = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
            elif (facts.st_dev, facts.st_ino) not in seen:
                seen.add((facts.st_dev, facts.st_ino))
                used += facts.st_blocks * 512
    return used
