"""The supervisor's log: the same file and lines as Django's. It alone rotates; the others notice (logfile.py)."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from comfydash.logfile import Line, RotatingFile, no_log_file
from volumes.files import make_private

LARGEST, KEPT = 10 * 2**20, 5  # bytes of one file, number of older ones


def open_log(folder: Path) -> Path:
    """Log to stderr and to the file that is returned, where it can be written."""
    file = folder / "comfydash.log"
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for older in folder.glob(f"{file.name}*"):  # earlier versions made them readable by everybody
            make_private(older)
        handlers.append(RotatingFile(str(file)))
    except OSError as error:
        sys.stderr.write(f"{no_log_file(error)}\n")
    for handler in handlers:
        handler.setFormatter(Line())
    logging.basicConfig(level=logging.INFO, handlers=handlers)
    return file


def rotate(file: Path) -> None:
    """Move a file that has grown too large to ``.1``, that one to ``.2``, and so on."""
    try:
        if file.stat().st_size <= LARGEST:
            return
        for number in range(KEPT - 1, 0, -1):
            older = file.with_name(f"{file.name}.{number}")
            if older.exists():
                older.replace(file.with_name(f"{file.name}.{number + 1}"))
        file.replace(file.with_name(f"{file.name}.1"))
    except OSError as error:
        logging.getLogger(__name__).debug("The log was not rotated: %s", error)
