"""What the file system under the data directory can do."""

from __future__ import annotations

import os
from pathlib import Path

# SQLite's write-ahead log needs memory shared between processes. Network and FUSE file systems report WAL as
# switched on and then ruin the file, so only local file systems known to work get it (a FUSE mount may be
# anything, a network volume included).
WAL_SAFE = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "tmpfs", "overlay", "apfs", "hfs", "ntfs3"}
)


def file_system_type(folder: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> str:
    """Type of the mount that holds folder, such as ``ext4`` or ``nfs4``; empty where the system does not say.

    Source: proc(5), fields 5 (mount point) and the one after the lone dash of each line of mountinfo.
    """
    try:
        lines = mountinfo.read_text().splitlines()
    except OSError:
        return ""
    place = os.path.realpath(folder)
    best, found = "", ""
    for line in lines:
        mount, _, kind = line.partition(" - ")
        point = mount.split(" ")[4].encode().decode("unicode_escape")
        inside = point == "/" or place == point or place.startswith(point + "/")
        if inside and len(point) >= len(best):
            best, found = point, kind.split(" ")[0]
    return found


def journal_mode(folder: Path) -> str:
    """``wal`` where it is safe, else ``delete`` (SQLite's rollback journal)."""
    kind = file_system_type(folder)
    return "wal" if kind in WAL_SAFE or not kind else "delete"
