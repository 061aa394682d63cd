"""What files take and what their deletion frees: the one rule for lists, totals, dialogs and answers.

A file with several names (hard links) takes its bytes once, and they become free when the last of its names goes. A
symbolic link takes nothing and frees nothing: what it leads to is counted where it lies.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from downloads.inventory.scan import FoundFile


def bytes_taken(files: Iterable[FoundFile]) -> int:
    return sum({file.identity: file.size for file in files if not file.is_link}.values())


def bytes_freed(files: Sequence[FoundFile]) -> int:
    """When all of them are deleted."""
    return sum(bytes_freed_by_each(files))


def bytes_freed_by_each(files: Sequence[FoundFile]) -> list[int]:
    """When all of them are deleted: the bytes of a file stand at the first of its names."""
    names = Counter(file.identity for file in files if not file.is_link)
    return [file.size if not file.is_link and names.pop(file.identity, 0) >= file.hard_links else 0 for file in files]


def as_it_is_now(file: FoundFile) -> FoundFile:
    """With its size and its names counted anew: other names come and go in folders that the scan does not see."""
    try:
        status = os.lstat(file.file)
    except OSError:  # gone since
        return replace(file, size=0)
    return file if file.is_link else replace(file, size=status.st_size, hard_links=status.st_nlink)
