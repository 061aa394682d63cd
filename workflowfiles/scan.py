"""Which model files does this workflow need? Reads JSON of both formats and pictures that carry one; never raises."""

from __future__ import annotations

import io
import json
from pathlib import Path
from sys import intern
from typing import Any, BinaryIO

from volumes.file_names import shown
from workflowfiles import api_graph, document, media
from workflowfiles.document import NotWorkflow, Unreadable
from workflowfiles.resolve import resolve, sound
from workflowfiles.result import Atlas, Scan
from workflowfiles.selection import Collection
from workflowfiles.ui_graph import Workflow

VERSION = 1  # raise it when the same file may give another answer: stored scans are then made anew
LONGEST_TYPE = 200  # characters of a node type


def scan_bytes(data: bytes, name: str = "", atlas: Atlas | None = None) -> Scan:
    """Scan a file's content. ``name`` is only used in sentences. Never raises."""
    return _scan(io.BytesIO(data), len(data), name, atlas)


def scan_file(path: Path, atlas: Atlas | None = None) -> Scan:
    """Scan a file. Of a picture or video only the blocks with text are read. Never raises."""
    try:
        with path.open("rb") as stream:
            return _scan(stream, stream.seek(0, 2), shown(path.name), atlas)
    except (OSError, ValueError) as error:  # ValueError: NUL in the path
        reason = getattr(error, "strerror", None) or "the name cannot be a path"
        return Scan(
            "unreadable", error=f"{shown(path.name)!r} cannot be read: {reason}. Check the file and its rights."
        )


def workflow_json(data: bytes) -> str:
    """The workflow of a file as JSON text, taken out of a picture where it is in one; "" when there is none."""
    try:
        parsed = _document(io.BytesIO(data), len(data))
        document.find_graph(parsed)
    except (NotWorkflow, Unreadable):
        return ""
    return json.dumps(parsed, ensure_ascii=False)


def _scan(stream: BinaryIO, size: int, name: str, atlas: Atlas | None) -> Scan:
    try:
        return _scan_document(_document(stream, size), atlas)
    except NotWorkflow as error:
        return Scan("not_workflow", error=_about(name, error))
    except Unreadable as error:
        return Scan("unreadable", error=_about(name, error))


def _document(stream: BinaryIO, size: int) -> Any:
    """The parsed JSON of a file, or of the text in a picture: ``workflow``, else ``prompt``."""
    stream.seek(0)
    texts = media.texts_of(stream)
    if texts is None:
        stream.seek(0)
        # One byte more than allowed is enough to refuse the rest.
        return document.parse(stream.read(min(size, document.LARGEST_FILE + 1)))
    for key in media.KEYS:
        if key in texts:
            try:
                parsed = document.parse(texts[key].strip(b"\0 \r\n\t"))
                document.find_graph(parsed)
                return parsed
            except (Unreadable, NotWorkflow):
                continue
    raise NotWorkflow("It carries no workflow. Many sites remove it from pictures: ask for the original or the JSON.")


def _scan_document(parsed: Any, atlas: Atlas | None) -> Scan:
    kind, graph = document.find_graph(parsed)
    found = Collection()
    if kind == "ui":
        Workflow(graph, found).collect()
    else:
        api_graph.collect(graph, found)
    types = frozenset(intern(sound(node_type[:LONGEST_TYPE])) for node_type in found.node_types)
    return Scan(kind, resolve(found, atlas), types)


def _about(name: str, error: Exception) -> str:
    return f"{sound(name)}: {error}" if name else str(error)
