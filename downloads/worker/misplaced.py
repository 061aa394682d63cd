"""Does the header of a file that was brought say that it belongs into another folder?"""

from __future__ import annotations

import os

from downloads.inventory.destinations import Destination
from downloads.transfer import TransferError, open_confined
from modelfiles.kind import kind_by_reading
from modelfiles.model_folders import contradicts, folder_for


def misplaced(path: str, place: Destination, size: int) -> str:
    """A sentence when it does, else ""; also for what has no header, or one of no known kind.

    path: as the catalogue says it, below the models folder; place: where it is; size: in bytes.
    """
    try:
        handle = open_confined(place.root, place.path, os.O_RDONLY)
    except (TransferError, OSError):  # gone again, or moved: nothing is to be said of it
        return ""
    with os.fdopen(handle, "rb") as file:
        kind = kind_by_reading(lambda count: os.pread(file.fileno(), count, 0), size)
    if not contradicts(kind.kind, path):
        return ""
    return (
        f"{path} is in a folder where ComfyUI does not look for it: it is a {kind.kind.replace('_', ' ')} "
        f"({kind.why}), and those belong into {folder_for(kind.kind)}. Tell whoever keeps the catalogue."
    )
