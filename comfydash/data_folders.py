"""Where things lie, for the settings and for the supervisor, which must know it without loading Django."""

from __future__ import annotations

import os
from pathlib import Path

from comfydash.serve.trouble import CannotStart

QUOTES = ('""', "''", "“”", "‘’", "„“")  # the last ones where a text was copied from a page
BASE_DIR = Path(__file__).resolve().parent.parent


def folder(name: str, default: Path) -> Path:
    """The folder that the environment variable names; an empty variable counts as not set. Raises CannotStart."""
    written = unquoted(os.environ.get(name, ""))
    return at_home(name, written) if written else default.absolute()


def at_home(name: str, written: str) -> Path:
    """With ``~`` and ``~user`` replaced. Raises CannotStart where the system knows no such home."""
    place = os.path.expanduser(written)  # noqa: PTH111  (Path.expanduser fails in words of its own)
    if place.startswith("~"):
        raise CannotStart(
            f"{name}={written}: there is no home folder {written.partition('/')[0]} on this machine. Write the whole "
            "path, which begins with /."
        )
    return Path(place).absolute()


def unquoted(value: str) -> str:
    """Without blanks and the matching quotes around it: files of variables are not read by a shell.

    Quotes inside belong to the parts of a list.
    """
    value = value.strip()
    while len(value) > 1 and value[0] + value[-1] in QUOTES and value[0] not in value[1:-1]:
        value = value[1:-1].strip()
    return value


def seconds(name: str, default: float) -> float:
    """A time above zero, for tests. What is none is taken out of the environment, for our children's sake too."""
    try:
        value = float(os.environ.get(name, default))
    except ValueError:
        value = 0.0
    if 0 < value < 1e6:
        return value
    os.environ.pop(name, None)
    return default


def workspace() -> Path:
    return folder("COMFYDASH_WORKSPACE", BASE_DIR / "workspace")


def data_dir() -> Path:
    return folder("COMFYDASH_DATA_DIR", workspace() / "data")


def log_dir() -> Path:
    return folder("COMFYDASH_LOG_DIR", workspace() / "logs")
