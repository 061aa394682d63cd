"""Whether names that differ in case only are one file."""

from __future__ import annotations

import os
import secrets
import unicodedata
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
    """Raises OSError, which is not remembered."""
    probe = folder / f".comfydash-case-{secrets.token_hex(4)}"
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:  # full, or not ours to write
        return _by_what_is_there(folder, error)
    try:
        return os.path.lexists(probe.with_name(probe.name.upper()))
    finally:
        probe.unlink(missing_ok=True)


def _by_what_is_there(folder: Path, error: OSError) -> bool:
    names = {entry.name for entry in os.scandir(folder)}
    for name in names:
        other = name.swapcase()
        if other != name:
            return other not in names and os.path.lexists(folder / other)
    raise error


def folded(path: str) -> str:
    """Equal for what such a volume takes for one name; they compose letters too."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
