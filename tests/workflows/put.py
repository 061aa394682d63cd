"""Workflows, models and catalogues on the disk of a test."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings

from downloads.file_records import RemoteFile
from tests.presets.makers import put_model, safetensors, write_catalogue
from tests.workflows.make import dump, entry, node, ui
from workflowfiles import scan_bytes
from workflows import library
from workflows.matching import matcher
from workflows.readiness import Entry, Judged, entries, judge

__all__ = ["judged", "loader", "put_model", "put_workflow", "remote", "safetensors", "saved", "write_catalogue"]


def loader(name: str = "a.safetensors", directory: str = "checkpoints", **more: Any) -> dict[str, Any]:
    """A node that declares and selects one model; a node type of its own makes the folder certain."""
    return node(more.pop("type", "CheckpointLoaderSimple"), (name,), models=[entry(name, directory)], **more)


def put_workflow(name: str = "mine.json", *nodes: dict[str, Any]) -> Path:
    place = Path(settings.WORKFLOW_DIRS[0]) / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(dump(ui(*(nodes or (loader(),)))))
    library.forget()
    return place


def saved(name: str = "mine.json", *nodes: dict[str, Any]) -> Entry:
    """The judged entry of a workflow that lies in the user's folder."""
    put_workflow(name, *nodes)
    return entries()[f"local:{name}"]


def judged(*nodes: dict[str, Any]) -> Judged:
    return judge(scan_bytes(dump(ui(*nodes))), matcher())


def remote(url: str, **fields: Any) -> RemoteFile:
    return RemoteFile.objects.create(url=url, **fields)


def touch(path: Path) -> None:
    """Another content and a later time, as an editor leaves it."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))
