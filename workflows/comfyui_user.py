"""The workflows that people save in the ComfyUI beside us, where its folders are folders here."""

from __future__ import annotations

from pathlib import Path

from django.db import DatabaseError

from comfyui.folders import custom_nodes
from values.kept import Kept
from volumes.file_names import shown

SOURCE = "comfyui"
MAX_AGE = 10.0  # seconds that the last answer is believed

_folders: Kept[dict[str, Path]] = Kept(MAX_AGE)


def workflow_folders() -> dict[str, Path]:
    """By source: ``comfyui`` for the usual single user, ``comfyui-NAME`` for each further one."""
    return _folders.get(None, _look)


def forget() -> None:
    _folders.forget()


def _look() -> dict[str, Path]:
    try:
        nodes = custom_nodes()
    except DatabaseError:  # before the first migration
        return {}
    users = sorted((nodes.parent / "user").glob("*/workflows")) if nodes else []
    return {
        SOURCE if f.parent.name == "default" else f"{SOURCE}-{shown(f.parent.name)}": f for f in users if f.is_dir()
    }
