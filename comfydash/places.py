"""Where things lie, for the settings and for the supervisor, which must know it without loading Django."""

from __future__ import annotations

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent


def folder(name: str, default: Path) -> Path:
    """The folder that the environment variable names; an empty variable counts as not set."""
    return Path(os.environ.get(name, "").strip() or default).expanduser().absolute()


def workspace() -> Path:
    return folder("COMFYDASH_WORKSPACE", BASE_DIR / "workspace")


def data_dir() -> Path:
    return folder("COMFYDASH_DATA_DIR", workspace() / "data")


def log_dir() -> Path:
    return folder("COMFYDASH_LOG_DIR", workspace() / "logs")
