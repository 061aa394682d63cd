"""Where the processes of one dashboard meet: a private folder on a local disk, named after the data directory.

Not in the data directory itself: that may be a network volume, where sockets do not work, and the path of a socket
ends at 107 bytes (103 on macOS).
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

LONGEST_BASE = 45  # bytes; leaves room for our folder and for the socket's own name


class UnsafeFolder(Exception):
    """Somebody else made the folder, or others may write into it."""


class RuntimeFolder:
    """The same path in every process of one dashboard; nothing is created before ``make``."""

    def __init__(self, data_dir: Path, run_dir: str = "") -> None:
        name = "comfydash-" + hashlib.sha256(os.fsencode(os.path.realpath(data_dir))).hexdigest()[:16]
        base = Path(run_dir or tempfile.gettempdir())
        if len(os.fsencode(base)) > LONGEST_BASE:
            base = Path("/tmp")  # noqa: S108  # what lies there is checked before it is used
        self.path = base / name
        self._data_dir = data_dir

    def make(self) -> None:
        """Raises OSError and UnsafeFolder."""
        try:
            self.path.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            self._check()
            return
        owner = self._data_dir.stat().st_uid
        if os.geteuid() == 0 != owner:
            os.chown(self.path, owner, -1)  # a command that root runs once must not lock the server out

    def sockets(self, ending: str = ".sock") -> list[Path]:
        """Sockets of the processes that listen; none where the folder is not ours."""
        try:
            self._check()
            return sorted(Path(entry.path) for entry in os.scandir(self.path) if entry.name.endswith(ending))
        except (OSError, UnsafeFolder):
            return []

    def _check(self) -> None:
        found = self.path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), self._data_dir.stat().st_uid}:
            raise UnsafeFolder(f"{self.path} belongs to somebody else")
        if found.st_mode & 0o022:
            raise UnsafeFolder(f"others may write into {self.path}")
