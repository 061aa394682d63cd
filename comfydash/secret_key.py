"""Django's secret key: made once, kept on the workspace volume, so that sessions outlive a restart."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def read_or_create(file: Path) -> str:
    """The key in file; a new one is written (0600) when there is none.

    Where nothing can be written the key lives as long as the process: the system check ``comfydash.E002`` says
    what to do then. Two processes that start at once end with the same key: the first link() wins.
    """
    try:
        if key := file.read_text().strip():
            return key
    except OSError:
        pass
    key = secrets.token_urlsafe(50)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(key)
        try:
            os.link(draft, file)
        except FileExistsError:
            return file.read_text().strip() or _replace(draft, file, key)
        finally:
            draft.unlink(missing_ok=True)
    except OSError:
        return key
    return key


def _replace(draft: Path, file: Path, key: str) -> str:
    draft.replace(file)
    return key
