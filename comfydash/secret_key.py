"""Django's secret key: made once, kept on the workspace volume, so that sessions outlive a restart."""

from __future__ import annotations

import secrets
from pathlib import Path

from volumes.files import write_whole
from volumes.locks import FileLock


def read_or_create(file: Path) -> str:
    """The key in file; a new one is written (0600) when there is none.

    Where nothing can be written the key lives as long as the process: the system check ``comfydash.E002`` says
    what to do then. Two processes that start at once end with the same key: they make it one after the other, which
    needs neither hard links nor a rename that refuses to replace.
    """
    key = secrets.token_urlsafe(50)
    try:
        if there := _read(file):
            return there
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(file.with_name(f"{file.name}.lock")):
            if there := _read(file):
                return there
            write_whole(file, key.encode())
    except OSError:
        return key
    return key


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        return ""
