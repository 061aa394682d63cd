"""Names of unfinished files: ``PATH.part``, and ``PATH.7.part`` while the holder of lease 7 writes it.

Whoever takes the lease moves what is there to its own name, so that an earlier holder that was frozen finds nothing to
publish when it wakes up. A file that was closed in peace has no number: nobody can write to it any more.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from downloads.transfer.disk.confined import folder_confined
from volumes.files import OLD
from webclient.errors import TransferError

PART_SUFFIX = ".part"
STATE_SUFFIX = ".part.state"
LINK_SUFFIX = ".link"  # a new name of a local copy until the caller has had its last word
NEW = ".new"  # a journal that is about to take the old one's place
SUFFIXES = (PART_SUFFIX, STATE_SUFFIX, STATE_SUFFIX + NEW, STATE_SUFFIX + OLD, LINK_SUFFIX)
_BEGUN = re.compile(r"(?P<path>.+?)(?:\.(?P<number>[1-9]\d*))?(?:\.part|\.link)", re.DOTALL)
_ENDING = re.compile(rf"(?:\.(?P<number>[1-9]\d*))?(?P<suffix>{'|'.join(map(re.escape, SUFFIXES))})")


def stem(path: str, number: int) -> str:
    """What the names of an unfinished file and its journal begin with; 0: nobody writes to it under a lease."""
    return f"{path}.{number}" if number else path


def begun_path(name: str) -> str:
    """The path of the file that this .part (or .link) is to become; other names as they are."""
    found = _BEGUN.fullmatch(name)
    return found["path"] if found else name


def number_in(name: str) -> int:
    """The lease in the name of a .part or .link; 0 for none."""
    found = _BEGUN.fullmatch(name)
    return int(found["number"] or 0) if found else 0


def numbers(root: Path, path: str) -> list[int]:
    """Leases under which something of this file is begun, the latest first. Raises TransferError and OSError."""
    return sorted({number for number, _ in _names(root, path)}, reverse=True)


def number_begun(root: Path, path: str) -> int:
    """The lease of the .part to go by where there may be several; 0 where none has a number, or none can be seen."""
    try:
        return max((number for number, suffix in _names(root, path) if suffix == PART_SUFFIX), default=0)
    except (TransferError, OSError):
        return 0


def _names(root: Path, path: str) -> list[tuple[int, str]]:
    try:
        with folder_confined(root, path) as (folder, name), os.scandir(folder) as entries:
            endings = [entry.name.removeprefix(name) for entry in entries if entry.name.startswith(name)]
    except FileNotFoundError:
        return []
    found = [match for ending in endings if (match := _ENDING.fullmatch(ending))]
    return [(int(match["number"] or 0), match["suffix"]) for match in found]
