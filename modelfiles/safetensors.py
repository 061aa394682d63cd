"""The safetensors format. Source: its specification, and what its library refuses.

By hand, not by that library: it refuses odd files where a warning is due, and loads more than a header.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import BinaryIO, TypeGuard

from modelfiles.errors import no_model
from modelfiles.header import Header, NeedsBytes, Tensor

SUFFIXES = (".safetensors", ".sft")
MAX_HEADER = 100_000_000  # bytes; what the library accepts
DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip


def sniff(head: bytes, name: str) -> None:
    if head.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        raise no_model(name, "is a PyTorch pickle that was given a safetensors name; ComfyUI cannot load it")
    if len(head) < 9:
        raise no_model(name, "ends before its header is complete")
    (length,) = struct.unpack("<Q", head[:8])
    if not 2 <= length <= MAX_HEADER or head[8:9] != b"{":
        raise no_model(name, "does not begin with a safetensors header")


def read_header(start: bytes, size: int, name: str) -> Header | NeedsBytes:
    """The header out of the first bytes of a file of so many bytes; raises NotAModel. Tensors are not read."""
    if len(start) < min(9, size):
        return NeedsBytes(9)
    sniff(start, name)
    end = 8 + _length(start, size, name)
    if len(start) < end:
        return NeedsBytes(end)
    content = _parsed(start[8:end], name)
    metadata = content.get("__metadata__")
    return Header(
        {key: _tensor(key, entry, name) for key, entry in _tensors(content)},
        {key: value for key, value in metadata.items() if isinstance(value, str)} if isinstance(metadata, dict) else {},
    )


def check(source: BinaryIO, size: int, name: str) -> list[str]:
    source.seek(0)
    length = _length(source.read(8), size, name)
    content = _parsed(source.read(length), name)
    places = sorted(_tensor_place(key, entry, name) for key, entry in _tensors(content))
    data = size - 8 - length
    if max((end for _, end in places), default=0) > data:
        raise no_model(name, "is truncated: its header speaks of more bytes than it has")
    return _unused_bytes(places, data, name)


def _length(start: bytes, size: int, name: str) -> int:
    (length,) = struct.unpack("<Q", start[:8])
    if 8 + length > size:
        raise no_model(name, "ends before its header is complete")
    return int(length)


def _parsed(data: bytes, name: str) -> dict[str, object]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise no_model(name, "has a header that cannot be read") from None
    if not isinstance(content, dict):
        raise no_model(name, "has a header that cannot be read")
    return content


def _tensors(content: dict[str, object]) -> Iterator[tuple[str, object]]:
    """Two underscores are the format's own: __metadata__, and what a later version may bring."""
    return ((key, entry) for key, entry in content.items() if not key.startswith("__"))


def _unused_bytes(places: list[tuple[int, int]], data: int, name: str) -> list[str]:
    """Bytes that belong to no tensor, or to two: the format has none, and the safetensors library refuses the file."""
    between = shared = reached = 0
    for start, end in places:
        between += max(0, start - reached)
        shared += max(0, min(end, reached) - start)
        reached = max(reached, end)
    found = [
        f"{count} byte{'s' if count > 1 else ''} {where}"
        for count, where in ((between, "between its tensors"), (data - reached, "behind the last one"))
        if count > 0
    ]
    odd = [f"{' and '.join(found)} that belong to nothing"] if found else []
    if shared:
        odd.append("tensors that share their bytes")
    if not odd:
        return []
    return [
        f"{name} has {', and '.join(odd)}. Its bytes are kept as its source has them, but programs may refuse to load "
        "it: if so, look for another copy."
    ]


def _tensor(key: str, entry: object, name: str) -> Tensor:
    _tensor_place(key, entry, name)
    assert isinstance(entry, dict)
    return Tensor(str(entry.get("dtype")), tuple(entry["shape"]))


def _tensor_place(key: str, entry: object, name: str) -> tuple[int, int]:
    """Where a tensor's bytes begin and end behind the header; the entry is checked on the way."""
    broken = no_model(name, f"has a broken entry for “{key[:60]}” in its header")
    if not isinstance(entry, dict):
        raise broken
    offsets, shape, dtype = entry.get("data_offsets"), entry.get("shape"), entry.get("dtype")
    if not (_are_sizes(offsets) and _are_sizes(shape)) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise broken
    if dtype in DTYPE_BITS:
        bits = DTYPE_BITS[dtype]
        for length in shape:
            bits *= length
        if (bits + 7) // 8 != offsets[1] - offsets[0]:
            raise broken
    return int(offsets[0]), int(offsets[1])


def _are_sizes(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(isinstance(item, int) and item >= 0 for item in value)
