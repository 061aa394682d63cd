"""Where one app adds to another that may not know it: each list is filled in the ``ready`` of an AppConfig.

All of them are here, so that "who else has a say in this?" has one answer. CONTRIBUTING lists who fills what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class WantedFile:
    """A file that an install is to bring: ``path`` relative to the models folder, ``size`` in bytes if known."""

    path: str
    url: str
    size: int | None = None
    sha256: str = ""
    optional: bool = False


class FileSource(Protocol):
    """A catalogue: the files that a preset id stands for today, None for an id that it does not know."""

    def __call__(self, preset_id: str, /) -> Sequence[WantedFile] | None: ...


class ModelRoots(Protocol):
    """More folders that hold models, by kind (checkpoints, loras, …); looked at again with each scan."""

    def __call__(self) -> Mapping[str, list[Path]]: ...


class ChosenFolders(Protocol):
    """Where a person wants files of a kind to be written, by kind."""

    def __call__(self) -> Mapping[str, Path]: ...


class WorkflowFolders(Protocol):
    """More folders that hold workflows, by the source's name."""

    def __call__(self) -> Mapping[str, Path]: ...


class Hook(Protocol):
    """Something to do; what it answers is not looked at."""

    def __call__(self) -> object: ...


class Obstacle(Protocol):
    """Why nothing may be installed right now, as a sentence; "" when nothing is in the way."""

    def __call__(self) -> str: ...


class Days(Protocol):
    """A number of days, at least 1, as Settings has it now."""

    def __call__(self) -> int: ...


file_sources: list[FileSource] = []  # asked by downloads.queue
model_roots: list[ModelRoots] = []  # asked by downloads.inventory.scan
chosen_folders: list[ChosenFolders] = []  # asked by downloads.inventory.destinations
workflow_folders: list[WorkflowFolders] = []  # asked by workflows.library
wake_ups: list[Hook] = []  # called by downloads.events after a commit: let a worker look at the rows
obstacles: list[Obstacle] = []  # asked by downloads.worker.drain before each claim
token_saved: list[Hook] = []  # called by settings_app.hub_token: installs may have waited for it
retention_days: list[Days] = []  # asked by activity.retention: how long the log is kept
