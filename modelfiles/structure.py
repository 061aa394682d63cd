"""Is this file a model at all? Judged by its first bytes against its size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from modelfiles import gguf, safetensors, torch_archive
from modelfiles.errors import no_model

SNIFFED = 512  # bytes that tell a web page, a pointer and a pickle from a model
PAGE_STARTS = (b"<!doctype", b"<html")
FRAGMENT_STARTS = (b"<head", b"<body", b"<?xml", b"<script")
PROSE = (".md", ".txt", ".jinja")  # may begin with a tag without being a page
LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class Format:
    """``sniff`` judges the first bytes, ``check`` an open file of so many bytes; both raise NotAModel.

    ``check`` answers what is odd without being wrong, or not known here, as sentences.
    """

    suffixes: tuple[str, ...]
    sniff: Callable[[bytes, str], None]
    check: Callable[[BinaryIO, int, str], list[str]]


FORMATS = (
    Format(safetensors.SUFFIXES, safetensors.sniff, safetensors.check),
    Format((".gguf",), gguf.sniff, gguf.check),
)


def check_structure(file: Path, name: str = "") -> list[str]:
    """Raises NotAModel for what cannot be loaded: empty, web page, LFS pointer, truncated, disguised.

    What is odd without being wrong, or not known here, is answered as sentences: it is no reason to give bytes up.
    name is the name it is to have when it still stands under another one.
    """
    with file.open("rb") as source:
        source.seek(0, 2)
        return check_open(source, source.tell(), name or file.name)


def check_open(source: BinaryIO, size: int, name: str) -> list[str]:
    """Like check_structure, for an open file of `size` bytes."""
    if size == 0:
        raise no_model(name, "is empty")
    source.seek(0)
    head = source.read(SNIFFED)
    sniff(head, name)
    if known := _format_of(name):
        return known.check(source, size, name)
    if head.startswith(torch_archive.BEGINNING):
        torch_archive.check(source, size, name)
    return []


def sniff(head: bytes, name: str) -> None:
    """Judge the first bytes only (at least 16 unless the file is shorter): what they cannot be the start of."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(PAGE_STARTS if name.lower().endswith(PROSE) else PAGE_STARTS + FRAGMENT_STARTS):
        raise no_model(name, "is a web page, not a model. Open its address in a browser to see what the host says")
    if head.startswith(LFS_POINTER):
        raise no_model(name, "is a Git LFS pointer, not the model itself")
    if known := _format_of(name):
        known.sniff(head, name)


def _format_of(name: str) -> Format | None:
    return next((known for known in FORMATS if name.lower().endswith(known.suffixes)), None)
