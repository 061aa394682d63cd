"""Breakpoints for processes that tests kill: put this folder on PYTHONPATH and name a stage folder in CRASH_STAGE.

The file `armed` there holds lines such as ``before downloads.worker.installer.Install.run``. The first process that
comes by takes the file away and stands still until `release` appears; with several lines it stands at the last, after
the others were passed in order. Production code knows nothing of this: named functions are wrapped when their module is
imported.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

STAGE = Path(os.environ["CRASH_STAGE"]) if "CRASH_STAGE" in os.environ else None
WRAPPED = {
    "downloads.models": ["DownloadHistory.claim_next", "DownloadHistory.complete"],
    "downloads.worker.installer": ["Install.run"],
    "downloads.transfer.part.file": [
        "Partial._note",
        "Partial.finish",
        "Partial.publish",
        "Partial.read_into",
        "delete_confined",
        "rename_over",
    ],
}


def come_by(place: str) -> None:
    """Stand here when somebody asked for it."""
    assert STAGE
    try:
        wanted = (STAGE / "armed").read_text().splitlines()
        if wanted[:1] != [place]:
            return
        taken = STAGE / f"taken-{os.getpid()}"
        (STAGE / "armed").rename(taken)  # only one of those who come by succeeds
    except FileNotFoundError:
        return
    if wanted[1:]:
        taken.write_text("\n".join(wanted[1:]))
        taken.rename(STAGE / "armed")
        return
    taken.rename(STAGE / "reached")
    while not (STAGE / "release").exists():
        time.sleep(0.01)


def stoppable(function: Callable[..., Any], place: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        come_by(f"before {place}")
        answer = function(*args, **kwargs)
        come_by(f"after {place}")
        return answer

    return wrapper


def wrap_all(module: ModuleType) -> None:
    for dotted in WRAPPED[module.__name__]:
        *owners, name = dotted.split(".")
        owner: Any = functools.reduce(getattr, owners, module)
        raw = vars(owner)[name]
        place = f"{module.__name__}.{dotted}"
        if isinstance(raw, classmethod):
            setattr(owner, name, classmethod(stoppable(raw.__func__, place)))
        else:
            setattr(owner, name, stoppable(raw, place))


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in WRAPPED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec and isinstance(loader := spec.loader, importlib.machinery.SourceFileLoader):
            run = loader.exec_module

            def run_and_wrap(module: ModuleType) -> None:
                run(module)
                wrap_all(module)

            loader.exec_module = run_and_wrap  # type: ignore[method-assign]
        return spec


if STAGE:
    sys.meta_path.insert(0, Finder())
