"""From bytes to the graph inside: JSON with the faults that occur in the wild, wrappers, and limits on memory."""

from __future__ import annotations

import codecs
import json
from typing import Any, Literal

LARGEST_FILE = 32 * 2**20  # bytes of JSON
MOST_MEMORY = 88 * 2**20  # bytes that parsing may take by estimate; a scan stays below 100 MB
WRAPPERS = ("workflow", "prompt", "output")

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like UTF-16's: asked first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Unreadable(ValueError):
    pass


class NotWorkflow(ValueError):
    """The file is sound but holds no workflow."""


def parse(data: bytes) -> Any:
    """The JSON value in ``data``. NaN, Infinity and a byte order mark are accepted. Raises Unreadable, NotWorkflow."""
    if len(data) > LARGEST_FILE:
        raise Unreadable(f"The file is larger than {LARGEST_FILE >> 20} MB, which no workflow is. Check what it is.")
    mark, encoding = next(((m, e) for m, e in _BYTE_ORDER_MARKS if data.startswith(m)), (b"", "utf-8"))
    start = data[len(mark) : len(mark) + 4096].replace(b"\0", b"").lstrip()[:1]
    if start == b"[":
        raise NotWorkflow("This is a list, not a workflow.")
    if start != b"{":
        raise Unreadable("This is neither a workflow (JSON) nor a picture with one inside. Save it again in ComfyUI.")
    if _estimated_memory(data, encoding) > MOST_MEMORY:
        raise Unreadable("Reading this file would take more than 100 MB of memory, which no workflow does.")
    try:
        return parse_text(data[len(mark) :].decode(encoding))
    except UnicodeDecodeError as error:
        raise Unreadable("The file is not text in UTF-8. Save it again in ComfyUI.") from error


def parse_text(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise Unreadable("The file is nested deeper than any workflow. Save it again in ComfyUI.") from error
    except ValueError as error:  # JSONDecodeError, and integers of more than 4,300 digits
        raise Unreadable("The file is not valid JSON, perhaps cut short. Download or save it again.") from error


def _estimated_memory(data: bytes, encoding: str) -> int:
    """Bytes that the text, a copy of its strings and CPython's objects will take.

    One character beyond the basic plane makes each character of a str take four bytes; an object costs about 240
    bytes, a list 80 and each further value 32.
    """
    if len(data) < 2**20:
        return 0
    if encoding != "utf-8":
        width = 4
    elif data.isascii():
        width = 1
    else:
        width = 4 if any(bytes([lead]) in data for lead in range(0xF0, 0xF5)) else 2
    return 2 * width * len(data) + 240 * data.count(b"{") + 80 * data.count(b"[") + 32 * data.count(b",")


def find_graph(document: Any) -> tuple[Literal["ui", "api"], dict[str, Any]]:
    """The graph of a document, bare or one wrapper deep, and its format. Raises NotWorkflow."""
    candidates = [document]
    if isinstance(document, dict):
        candidates += [_unwrapped(document[key]) for key in WRAPPERS if key in document]
    for candidate in candidates:
        if isinstance(candidate, dict):
            if _is_ui(candidate):
                return "ui", candidate
            if _is_api(candidate):
                return "api", candidate
    raise NotWorkflow("This is JSON, but not a workflow of ComfyUI: it has no nodes.")


def _unwrapped(value: Any) -> Any:
    """Some tools store the graph as a string inside the JSON."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return parse_text(value)
        except Unreadable:
            return None
    return value


def _is_ui(candidate: dict[str, Any]) -> bool:
    nodes = candidate.get("nodes")
    if not isinstance(nodes, list):
        return False
    if not nodes:
        return "links" in candidate or "version" in candidate
    return any(isinstance(node, dict) and isinstance(node.get("type"), str) for node in nodes)


def _is_api(candidate: dict[str, Any]) -> bool:
    return any(isinstance(node, dict) and isinstance(node.get("class_type"), str) for node in candidate.values())
