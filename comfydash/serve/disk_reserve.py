"""A few megabytes that are given up when the disk is full, so that the dashboard starts and space can be freed with it.

SQLite cannot even open a database on a disk without a free byte.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from volumes.files import write_whole

log = logging.getLogger(__name__)

SIZE = 8 * 2**20
PLENTY = 20 * SIZE  # free space from which on it is kept again


def make_or_drop(data_dir: Path) -> None:
    """At each start: drop the ballast where the disk is full, take some in where there is plenty. Never raises."""
    file = data_dir / "ballast"
    try:
        free = shutil.disk_usage(data_dir).free
        if file.exists() and free < SIZE // 2:
            file.unlink()
            log.warning("The disk that holds %s is full: %d MB kept for this are given up.", data_dir, SIZE >> 20)
        elif not file.exists() and free > PLENTY:
            _fill(file)
    except OSError as error:
        log.debug("No ballast: %s", error)


def _fill(file: Path) -> None:
    write_whole(file, os.urandom(SIZE))  # nothing that a file system could compress or leave out
