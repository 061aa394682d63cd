"""What the header of a GGUF file says: what it is, its tensors, and where the file must end.

By hand, not the gguf package: it brings numpy and maps the whole file for a table of a few kilobytes.
"""

from __future__ import annotations

import io
import math
import struct
from typing import BinaryIO

from modelfiles.errors import no_model
from modelfiles.header import Header, NeedsBytes, Tensor

MAGICS = frozenset({b"GGUF", b"FUGG"})
SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # value type → bytes
STRING, ARRAY, UINT16, UINT32 = 8, 9, 2, 4
ALIGNMENT_KEY = b"general.alignment"
ARCHITECTURE, TYPE, PART = "general.architecture", "general.type", "split.no"
VOCABULARY = b"tokenizer."  # keys that follow those which say what the file is
TOLD = frozenset({ARCHITECTURE.encode(), TYPE.encode()})  # strings that say what the file is
MOST_DIMENSIONS = 8
# Tensor type → (elements, bytes) of one block, as ggml defines them. Types that are not here are not judged.
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip


class BrokenGguf(ValueError):
    """The header contradicts the size of the file: it is cut short."""


class UnknownGguf(ValueError):
    """The header has something that we do not know, which says nothing against the file."""


class _NotArrived(Exception):
    """The bytes that were given end here, and the file does not."""

    def __init__(self, needed: int) -> None:
        self.needed = needed


def end_of_tensors(source: BinaryIO, size: int) -> int:
    """The offset behind the last tensor. source is a GGUF file of `size` bytes; raises BrokenGguf, UnknownGguf."""
    return _Reader(source, size).walk()


def read_header(start: bytes, size: int, name: str) -> Header | NeedsBytes:
    """The header out of the first bytes of a file of so many bytes; raises NotAModel. Tensors are not read."""
    sniff(start, name)
    reader = _Reader(io.BytesIO(start), size)
    try:
        reader.walk()
    except _NotArrived as more:
        so_far = Header({}, reader.metadata, whole=False) if reader.at_vocabulary else None
        # Twice as much each time: a vocabulary of megabytes is not asked for in a thousand steps.
        return NeedsBytes(min(size, max(more.needed, 2 * len(start))), so_far)
    except BrokenGguf:
        raise no_model(name, "ends before its GGUF header is complete") from None
    except UnknownGguf as unknown:
        raise no_model(name, f"has a GGUF header of a kind not known here ({unknown})") from None
    return Header(reader.tensors, reader.metadata)


class _Reader:
    def __init__(self, source: BinaryIO, size: int) -> None:
        self.source, self.size = source, size
        self.alignment = 32
        self.metadata: dict[str, str] = {}
        self.tensors: dict[str, Tensor] = {}
        self.at_vocabulary = False
        source.seek(0)
        self.order = ">" if source.read(4) == b"FUGG" else "<"

    def walk(self) -> int:
        version = self._version()
        if version == 1:  # 32-bit lengths; nobody has written it since 2023
            return 0
        if not 2 <= version <= 3:
            raise UnknownGguf(f"version {version}")
        tensors, entries = self._number("Q"), self._number("Q")
        if tensors * 24 + entries * 12 > self.size:
            raise BrokenGguf("more entries than bytes")
        for _ in range(entries):
            self._entry()
        ends = [self._tensor() for _ in range(tensors)]
        if not ends:  # a vocabulary, or the first of several parts: nobody has to pad what nothing follows
            return self.source.tell()
        data = -(-self.source.tell() // self.alignment) * self.alignment
        return data + max(ends)

    def _version(self) -> int:
        """Files for big-endian machines say GGUF as well: the version in their byte order tells, as in gguf-py."""
        version = self._number("I")
        if version & 0xFFFF:
            return version
        self.order = ">" if self.order == "<" else "<"
        return int.from_bytes(version.to_bytes(4, "little"), "big")

    def _entry(self) -> None:
        key = self._string()
        self.at_vocabulary |= key.startswith(VOCABULARY)
        kind = self._number("I")
        if key == ALIGNMENT_KEY and kind == UINT32:
            self.alignment = self._number("I")
            if not 0 < self.alignment <= 1 << 20:
                raise UnknownGguf("alignment")
        elif key in TOLD and kind == STRING:
            self.metadata[key.decode()] = self._string().decode(errors="replace")
        elif key == PART.encode() and kind in {UINT16, UINT32}:
            self.metadata[PART] = str(self._number("H" if kind == UINT16 else "I"))
        else:
            self._skip_value(kind)

    def _skip_value(self, kind: int, depth: int = 0) -> None:
        if kind in SCALARS:
            self._skip(SCALARS[kind])
        elif kind == STRING:
            self._skip(self._number("Q"))
        elif kind == ARRAY and depth < 4:
            inner, count = self._number("I"), self._number("Q")
            if inner in SCALARS:
                self._skip(SCALARS[inner] * count)
                return
            if count * 8 > self.size:
                raise BrokenGguf("array")
            for _ in range(count):
                self._skip_value(inner, depth + 1)
        else:
            raise UnknownGguf(f"value type {kind}")

    def _tensor(self) -> int:
        """Where its data ends, relative to the data section; where it begins when the type is not known."""
        name = self._string().decode(errors="replace")
        dimensions = self._number("I")
        if dimensions > MOST_DIMENSIONS:
            raise UnknownGguf("dimensions")
        lengths = [self._number("Q") for _ in range(dimensions)]
        elements = math.prod(lengths)
        kind, offset = self._number("I"), self._number("Q")
        self.tensors[name] = Tensor(str(kind), tuple(reversed(lengths)))
        per_block, block_bytes = BLOCKS.get(kind, (1, 0))
        return offset + -(-elements // per_block) * block_bytes

    def _number(self, code: str) -> int:
        return int(struct.unpack(self.order + code, self._read(struct.calcsize(code)))[0])

    def _string(self) -> bytes:
        length = self._number("Q")
        if self.source.tell() + length > self.size:
            raise BrokenGguf("ends in its header")
        if length > 1 << 16:
            raise UnknownGguf("name")
        return self._read(length)

    def _read(self, count: int) -> bytes:
        data = self.source.read(count)
        if len(data) < count:
            end = self.source.tell() + count - len(data)
            if end > self.size:
                raise BrokenGguf("ends in its header")
            raise _NotArrived(end)
        return data

    def _skip(self, count: int) -> None:
        if self.source.tell() + count > self.size:
            raise BrokenGguf("ends in its header")
        self.source.seek(count, 1)


def sniff(head: bytes, name: str) -> None:
    if head[:4] not in MAGICS:
        raise no_model(name, "is no GGUF file")


def check(source: BinaryIO, size: int, name: str) -> list[str]:
    try:
        end = end_of_tensors(source, size)
    except BrokenGguf:
        raise no_model(name, "is truncated: it ends before its GGUF header is complete") from None
    except UnknownGguf as unknown:
        return [
            f"{name} has a GGUF header of a kind not known here ({unknown}), so whether it is whole was not judged."
        ]
    if end > size:
        raise no_model(name, "is truncated: its header speaks of more bytes than it has")
    return []
