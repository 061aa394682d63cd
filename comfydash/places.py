"""Where things lie, for the settings and for the supervisor, which must know it without loading Django."""

from __future__ import annotations

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent


def folder(name: str, default: Path) -> Path:
    """The folder that the environment variable names; an empty variable counts as not set."""
    return Path(unquoted(os.environ.get(name, "")) or default).expanduser().absolute()


def unquoted(value: str) -> str:
    """Without blanks and one pair of matching quotes around it: files of variables are not read by a shell."""
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1].strip()
    return value


def workspace() -> Path:
    return folder("COMFYDASH_WORKSPACE", BASE_DIR / "workspace")


def data_dir() -> Path:
    return folder("COMFYDASH_DATA_DIR", workspace() / "data")


def log_dir() -> Path:
    return folder("COMFYDASH_LOG_DIR", workspace() / "logs")
