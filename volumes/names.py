"""Whether names that differ in case only are one file."""

from __future__ import annotations

import os
import secrets
import unicodedata
from contextlib import suppress
from functools import lru_cache
from pathlib import Path


def ignores_case(folder: Path) -> bool:
    """Asks the disk once for each folder (or for the one it will be made in); leaves nothing. False if it cannot."""
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        found = folder.stat()
        return _ignores_case(folder, found.st_dev, found.st_ino)
    except OSError:
        return False


@lru_cache(maxsize=256)
def _ignores_case(folder: Path, device: int, inode: int) -> bool:
    """Raises OSError, which is not remembered. Writes only where nothing lies that tells."""
    if (told := _by_what_is_there(folder)) is not None:
        return told
    probe = folder / f".comfydash-case-{secrets.token_hex(4)}"
    os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        return os.path.lexists(probe.with_name(probe.name.upper()))
    finally:
        with suppress(OSError):  # a volume that deletes nothing is asked no second time
            probe.unlink()


def _by_what_is_there(folder: Path) -> bool | None:
    names = {entry.name for entry in os.scandir(folder)}
    for name in names:
        other = name.swapcase()
        if other != name and other.swapcase() == name:
            return other not in names and os.path.lexists(folder / other)
    return None


def folded(path: str) -> str:
    """Equal for what such a volume takes for one name; they compose letters too."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
