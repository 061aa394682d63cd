"""The small catalogue that a new workspace begins with."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from presets.yaml_tree import DOCUMENT_MAX
from volumes.files import create_new, recover

STARTER = Path(__file__).with_name("starter.yaml")
log = logging.getLogger(__name__)


def read_or_create(path: Path) -> bytes:
    """The catalogue's bytes, at most one more than a document may have; where there is none the starter is put there.

    A workspace that cannot be written still gets the starter, from the package. Raises OSError when there is a file
    but it cannot be read.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    try:
        if recover(os.path.realpath(path)):  # a refresh was killed between its two renames
            return _read(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        create_new(path, _read(STARTER))
    except FileExistsError:  # another process was faster
        return _read(path)
    except OSError as error:
        log.warning("%s could not be created (%s); the packaged starter is used.", path, error.strerror)
    return _read(STARTER)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(DOCUMENT_MAX + 1)
