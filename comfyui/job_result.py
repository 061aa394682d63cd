"""What became of a job, read from its entry in ComfyUI's history. Every field may be missing or of another form."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

VIDEO = frozenset({".mp4", ".webm", ".mov", ".mkv", ".avi", ".m4v"})
AUDIO = frozenset({".mp3", ".wav", ".flac", ".ogg", ".opus", ".m4a"})
IMAGE = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".bmp", ".tiff", ".apng"})
MODEL_3D = frozenset({".glb", ".gltf", ".obj", ".stl", ".ply", ".fbx"})
LONGEST_SENTENCE = 400  # characters of what a node said when it failed

Ending = Literal["completed", "failed", "interrupted"]


@dataclass(frozen=True)
class Output:
    filename: str
    subfolder: str
    type: str

    @property
    def annotated(self) -> str:
        """As ComfyUI writes it: ``sub/name.png``, with `` [temp]`` behind it for a preview."""
        path = f"{self.subfolder}/{self.filename}" if self.subfolder else self.filename
        return path if self.type == "output" else f"{path} [{self.type}]"

    @classmethod
    def of(cls, annotated: str) -> Output:
        """The other way round."""
        preview = re.fullmatch(r"(.*) \[(\w+)\]", annotated, re.DOTALL)
        path, kind = (preview[1], preview[2]) if preview else (annotated, "output")
        subfolder, _, filename = path.rpartition("/")
        return cls(filename, subfolder, kind)

    @property
    def kind(self) -> str:
        suffix = PurePosixPath(self.filename).suffix.lower()
        for name, suffixes in (("image", IMAGE), ("video", VIDEO), ("audio file", AUDIO), ("3D model", MODEL_3D)):
            if suffix in suffixes:
                return name
        return "file"


@dataclass(frozen=True)
class JobResult:
    """``started_ms`` and ``ended_ms`` by ComfyUI's clock, 0 where it does not tell."""

    ending: Ending = "completed"
    started_ms: int = 0
    ended_ms: int = 0
    cached: bool = False
    outputs: tuple[Output, ...] = field(default=())
    node: str = ""  # where it failed
    error: str = ""

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(output.kind for output in self.outputs))

    @property
    def summary(self) -> str:
        """``4 images, 1 video``."""
        if self.cached:
            return "cached, nothing new"
        return ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in self.counts.items())

    @property
    def picture(self) -> Output | None:
        return next((output for output in self.outputs if output.kind == "image"), None)


def read(entry: dict[str, Any]) -> JobResult:
    """The result in one entry of /history. Never raises: what has no known form counts as not there."""
    status = _dict(entry.get("status"))
    messages = [(message[0], _dict(message[1])) for message in _list(status.get("messages")) if _is_message(message)]
    said = dict(messages)
    failure = said.get("execution_error")
    ending: Ending = "completed"
    if "execution_interrupted" in said:
        ending = "interrupted"
    elif failure is not None or status.get("status_str") == "error":
        ending = "failed"
    outputs = _outputs(_dict(entry.get("outputs")))
    return JobResult(
        ending=ending,
        started_ms=_int(_dict(said.get("execution_start")).get("timestamp")),
        ended_ms=_int(messages[-1][1].get("timestamp")) if messages else 0,
        cached=ending == "completed" and _all_cached(entry, _dict(said.get("execution_cached"))),
        outputs=tuple(outputs),
        node=_node_title(entry, failure) if failure is not None else "",
        error=_sentence(failure) if failure is not None else "",
    )


def _outputs(found: dict[str, Any]) -> list[Output]:
    """Files of all kinds; previews only where nothing was kept."""
    outputs = [
        Output(item["filename"], _text(item.get("subfolder")), _text(item.get("type")) or "output")
        for node in found.values()
        for files in _dict(node).values()
        for item in _list(files)
        if isinstance(item, dict) and isinstance(item.get("filename"), str)
    ]
    kept = [output for output in outputs if output.type != "temp"]
    return kept or outputs


def _all_cached(entry: dict[str, Any], cached: dict[str, Any]) -> bool:
    """Every output node came from the cache: the file names are those of the run before, and nothing was written."""
    nodes = {node for node in _list(cached.get("nodes")) if isinstance(node, str)}
    producing = [str(node) for node in _dict(entry.get("outputs"))]
    return bool(producing) and all(node in nodes for node in producing)


def _node_title(entry: dict[str, Any], failure: dict[str, Any]) -> str:
    prompt = _list(entry.get("prompt"))
    graph = _dict(prompt[2]) if len(prompt) > 2 else {}
    meta = _dict(_dict(graph.get(_text(failure.get("node_id")))).get("_meta"))
    return (_text(meta.get("title")) or _text(failure.get("node_type")))[:100]


def _sentence(failure: dict[str, Any]) -> str:
    """What the node said; never its inputs or traceback, which carry prompts and paths."""
    text = " ".join(_text(failure.get("exception_message")).split()) or _text(failure.get("exception_type"))
    return text if len(text) <= LONGEST_SENTENCE else text[: LONGEST_SENTENCE - 1] + "…"


def _is_message(message: Any) -> bool:
    return isinstance(message, list | tuple) and len(message) == 2 and isinstance(message[0], str)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _int(value: Any) -> int:
    """Milliseconds; a number that a database could not hold is none."""
    return int(value) if isinstance(value, int | float) and 0 <= value < 2**53 else 0
