"""Where a GGUF file must end, by its own tensor table.

By hand, not the gguf package: it brings numpy and maps the whole file for a table of a few kilobytes.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from modelfiles.errors import no_model

SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # value type → bytes
STRING, ARRAY, UINT32 = 8, 9, 4
ALIGNMENT_KEY = b"general.alignment"
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


def end_of_tensors(source: BinaryIO, size: int) -> int:
    """The offset behind the last tensor. source is a GGUF file of `size` bytes; raises BrokenGguf, UnknownGguf."""
    return _Header(source, size).walk()


class _Header:
    def __init__(self, source: BinaryIO, size: int) -> None:
        self.source, self.size = source, size
        self.alignment = 32
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
        key, kind = self._string(), self._number("I")
        if key == ALIGNMENT_KEY and kind == UINT32:
            self.alignment = self._number("I")
            if not 0 < self.alignment <= 1 << 20:
                raise UnknownGguf("alignment")
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
        self._string()
        dimensions = self._number("I")
        if dimensions > MOST_DIMENSIONS:
            raise UnknownGguf("dimensions")
        elements = 1
        for _ in range(dimensions):
            elements *= self._number("Q")
        kind, offset = self._number("I"), self._number("Q")
        per_block, block_bytes = BLOCKS.get(kind, (1, 0))
        return offset + -(-elements // per_block) * block_bytes

    def _number(self, code: str) -> int:
        width = struct.calcsize(code)
        data = self.source.read(width)
        if len(data) < width:
            raise BrokenGguf("ends in its header")
        return int(struct.unpack(self.order + code, data)[0])

    def _string(self) -> bytes:
        length = self._number("Q")
        if self.source.tell() + length > self.size:
            raise BrokenGguf("ends in its header")
        if length > 1 << 16:
            raise UnknownGguf("name")
        return self.source.read(length)

    def _skip(self, count: int) -> None:
        if self.source.tell() + count > self.size:
            raise BrokenGguf("ends in its header")
        self.source.seek(count, 1)


def sniff(head: bytes, name: str) -> None:
    if head[:4] not in {b"GGUF", b"FUGG"}:
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
