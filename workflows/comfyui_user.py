"""The workflows that people save in the ComfyUI beside us, where its folders are folders here."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from django.db import DatabaseError

from comfyui.folders import custom_nodes
from volumes.file_names import shown

SOURCE = "comfyui"
MAX_AGE = 10.0  # seconds that the last answer is believed

_lock = threading.Lock()
_known: tuple[float, dict[str, Path]] | None = None


def workflow_folders() -> dict[str, Path]:
    """By source: ``comfyui`` for the usual single user, ``comfyui-NAME`` for each further one."""
    global _known
    with _lock:
        if _known is None or time.monotonic() - _known[0] >= MAX_AGE:
            _known = (time.monotonic(), _look())
        return _known[1]


def forget() -> None:
    global _known
    with _lock:
        _known = None


def _look() -> dict[str, Path]:
    try:
        nodes = custom_nodes()
    except DatabaseError:  # before the first migration
        return {}
    users = sorted((nodes.parent / "user").glob("*/workflows")) if nodes else []
    return {
        SOURCE if f.parent.name == "default" else f"{SOURCE}-{shown(f.parent.name)}": f for f in users if f.is_dir()
    }
