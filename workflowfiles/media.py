"""Workflows inside pictures, sound and video: the texts that ComfyUI stores as ``workflow`` (UI) and ``prompt`` (API).

The readers walk the blocks of a file by their lengths and skip what is not text, so a video of gigabytes costs a few
reads. Broken lengths end the walk; what was found until then counts.

Files come from strangers, so each has one budget for all that reading it may cost: bytes read, bytes unfolded, entries
looked at. A text is only read, unfolded or copied once its key is one of ours and not found yet.

By hand, not Pillow and mutagen: they read whole files, and have no budget for all that one file may cost.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import BinaryIO

LARGEST_TEXT = 16 * 2**20  # bytes of one text
MOST_READ = 64 * 2**20  # bytes read and unfolded of one file: two texts, and as much again that turns out to be none
MOST_BLOCKS = 20_000  # blocks and entries of one file, all kinds together
LONGEST_KEY = 79  # bytes; what PNG allows
KEYS = ("workflow", "prompt")

Texts = dict[str, bytes]


class BudgetSpent(Exception):
    """The file has cost what one file may cost; what was found until then counts."""


class Reader:
    """A file with its budget, and the texts that were found in it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.found: Texts = {}
        self.bytes_left = MOST_READ
        self.blocks_left = MOST_BLOCKS

    def wants(self, key: str) -> bool:
        """The first text of a key counts, so that a second one is not even read."""
        return key.lower() in KEYS and key.lower() not in self.found

    def keep(self, key: str, text: bytes) -> None:
        if len(text) <= LARGEST_TEXT:
            self.found.setdefault(key.lower(), text)

    @property
    def is_complete(self) -> bool:
        return len(self.found) == len(KEYS)

    def block(self) -> None:
        """Before each block or entry. Raises Spent."""
        self.blocks_left -= 1
        if self.blocks_left < 0 or self.is_complete:
            raise BudgetSpent

    def pay(self, size: int) -> None:
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise BudgetSpent

    def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes, or b"" (and a skip) when that is more than a text may have."""
        if size > LARGEST_TEXT:
            self.skip(size)
            return b""
        self.pay(size)
        data = self.stream.read(size)
        if len(data) < size:
            raise struct.error("the block is cut short")
        return data

    def skip(self, size: int) -> None:
        self.stream.seek(size, 1)

    def inflate(self, data: bytes) -> bytes:
        """At most one text's worth: 16 KB of zlib can unfold to 16 MB, and a whole file to any size."""
        text = zlib.decompressobj().decompress(data, min(LARGEST_TEXT, max(1, self.bytes_left)))
        self.pay(len(text))
        return text


def texts_of(stream: BinaryIO) -> Texts | None:
    """The stored texts by key, ``{}`` when it is a picture without any, None when it is no media file."""
    head = stream.read(16)
    for matches, walk in _READERS:
        if matches(head):
            reader = Reader(stream)
            try:
                walk(reader)
            except (struct.error, zlib.error, IndexError, BudgetSpent):
                pass  # cut short, or too much of it: what came before is kept
            return reader.found
    return None


# --- PNG ---------------------------------------------------------------------------------------------------------


def _png(reader: Reader) -> None:
    reader.stream.seek(8)
    while True:
        reader.block()
        size, kind = struct.unpack(">I4s", reader.read(8))
        if kind == b"IEND":
            return
        if kind == b"eXIf":
            _exif(reader, reader.read(size))
        elif kind in (b"tEXt", b"iTXt", b"zTXt"):
            _png_chunk(reader, kind, size)
        else:
            reader.skip(size)
        reader.skip(4)


def _png_chunk(reader: Reader, kind: bytes, size: int) -> None:
    """The key first: what it names is only read when it is wanted."""
    start = reader.read(min(size, LONGEST_KEY + 1))
    key, ends, _ = start.partition(b"\0")
    name = key.decode("latin-1")
    if not ends or not reader.wants(name) or size > LARGEST_TEXT:
        reader.skip(size - len(start))
        return
    rest = start[len(key) + 1 :] + reader.read(size - len(start))
    reader.keep(name, _png_text(reader, kind, rest))


def _png_text(reader: Reader, kind: bytes, rest: bytes) -> bytes:
    if kind == b"tEXt":
        # The standard says Latin-1. Writers put UTF-8 there too: only what is no UTF-8 is converted.
        try:
            rest.decode()
        except UnicodeDecodeError:
            return rest.decode("latin-1").encode()
        return rest
    if kind == b"zTXt":
        return reader.inflate(rest[1:])
    compressed, rest = rest[0], rest[2:]
    _language, _, rest = rest.partition(b"\0")
    _translated, _, text = rest.partition(b"\0")
    return reader.inflate(text) if compressed else text


# --- WebP and JPEG: EXIF -----------------------------------------------------------------------------------------


def _webp(reader: Reader) -> None:
    reader.stream.seek(12)
    while True:
        reader.block()
        kind, size = struct.unpack("<4sI", reader.read(8))
        if kind == b"EXIF":
            _exif(reader, reader.read(size).removeprefix(b"Exif\0\0"))
        else:
            reader.skip(size)
        reader.skip(size & 1)


def _jpeg(reader: Reader) -> None:
    reader.stream.seek(2)
    while True:
        reader.block()
        marker, size = struct.unpack(">HH", reader.read(4))
        if marker < 0xFFC0 or marker == 0xFFDA:  # the picture itself follows
            return
        size = max(0, size - 2)
        if marker != 0xFFE1:
            reader.skip(size)
            continue
        data = reader.read(size)
        if data.startswith(b"Exif\0\0"):
            _exif(reader, data[6:])


def _exif(reader: Reader, data: bytes) -> None:
    """Texts ``workflow:{…}`` of any tag: ComfyUI uses Make and Model, others ImageDescription and UserComment.

    Entries may name the same bytes over and over, or overlap: only the label is looked at until it is one of ours.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return
    pending = [struct.unpack_from(order + "I", data, 4)[0]]
    seen: set[int] = set()
    while pending and len(seen) < 16:
        offset = pending.pop()
        if offset in seen or not offset:
            continue
        seen.add(offset)
        (count,) = struct.unpack_from(order + "H", data, offset)
        for index in range(count):
            reader.block()
            at = offset + 2 + 12 * index
            tag, kind, length = struct.unpack_from(order + "HHI", data, at)
            (value,) = struct.unpack_from(order + "I", data, at + 8)
            if tag == 0x8769:  # the directory with UserComment
                pending.append(value)
            elif kind in (1, 2, 7) and length > 4:
                _labelled(reader, data, value, min(value + length, len(data)))


LABEL_BYTES = 64  # enough for the longest encoding's name and the longest key in two bytes a letter


def _labelled(reader: Reader, data: bytes, start: int, end: int) -> None:
    key = _label(_exif_text(data[start : min(start + LABEL_BYTES, end)]))
    if not reader.wants(key):
        return
    reader.pay(end - start)
    _, _, text = _exif_text(data[start:end]).partition(b":")
    reader.keep(key, text.strip())


def _label(text: bytes) -> str:
    """What stands before the colon, or "" where there is none."""
    label, colon, _ = text.partition(b":")
    return label.decode("latin-1").strip().lower() if colon else ""


def _exif_text(raw: bytes) -> bytes:
    """A comment as UTF-8, without the name of its encoding."""
    if raw.startswith(b"UNICODE\0"):
        # Writers use either byte order, whatever that of the directory; a label is ASCII and shows which.
        wide = "utf-16-be" if raw[8:9] == b"\0" else "utf-16-le"
        raw = raw[8:].decode(wide, "replace").encode("utf-8", "replace")
    elif raw.startswith(b"ASCII\0\0\0"):
        raw = raw[8:]
    return raw.rstrip(b"\0")


# --- FLAC, Ogg: Vorbis comments ------------------------------------------------------------------------------------


def _flac(reader: Reader) -> None:
    reader.stream.seek(4)
    while True:
        reader.block()
        header = reader.read(4)
        size = int.from_bytes(header[1:], "big")
        if header[0] & 0x7F == 4:
            _vorbis_comments(reader, reader.read(size))
        else:
            reader.skip(size)
        if header[0] & 0x80:
            return


def _ogg(reader: Reader) -> None:
    """The comment packet of Opus or Vorbis is the second packet and may span pages."""
    reader.stream.seek(0)
    packet = bytearray()
    while True:
        reader.block()
        header = reader.read(27)
        if header[:4] != b"OggS":
            return
        lacing = reader.read(header[26])
        for length in lacing:
            packet += reader.read(length)
            if len(packet) > LARGEST_TEXT:
                return
            if length < 255:
                for signature in (b"OpusTags", b"\x03vorbis"):
                    if packet.startswith(signature):
                        _vorbis_comments(reader, bytes(packet[len(signature) :]))
                        return
                packet.clear()


def _vorbis_comments(reader: Reader, data: bytes) -> None:
    (vendor,) = struct.unpack_from("<I", data, 0)
    (count,) = struct.unpack_from("<I", data, 4 + vendor)
    at = 8 + vendor
    for _ in range(count):
        reader.block()
        (size,) = struct.unpack_from("<I", data, at)
        key, equals, _ = data[at + 4 : at + 4 + min(size, LONGEST_KEY + 1)].partition(b"=")
        name = key.decode("latin-1")
        if equals and reader.wants(name):
            reader.pay(size)
            reader.keep(name, data[at + 5 + len(key) : at + 4 + size])
        at += 4 + size


# --- MP4 and MOV ---------------------------------------------------------------------------------------------------


def _mp4(reader: Reader) -> None:
    """moov/udta/meta (or moov/meta): ``keys`` names the entries of ``ilst`` by number."""
    stream = reader.stream
    end = stream.seek(0, 2)
    keys: list[str] = []
    pending = [(0, end)]
    while pending:
        reader.block()
        at, end = pending.pop()
        if at + 8 > end:
            continue
        stream.seek(at)
        size, kind = struct.unpack(">I4s", reader.read(8))
        body = at + 8
        if size == 1:
            (size,) = struct.unpack(">Q", reader.read(8))
            body += 8
        stop = end if size == 0 else min(at + size, end)
        if stop < body:
            return
        pending.append((stop, end))
        if kind in (b"moov", b"udta", b"ilst"):
            pending.append((body, stop))
        elif kind == b"meta":
            # A full box in MP4 (four bytes of version first), a plain one in QuickTime.
            start = reader.read(8) if stop - body >= 8 else b""
            pending.append((body if start[4:8] in (b"hdlr", b"keys") else body + 4, stop))
        elif kind == b"keys":
            keys = _mp4_keys(reader, reader.read(stop - body))
        elif (
            0 < (index := int.from_bytes(kind, "big")) <= len(keys)
            and stop - body >= 16
            and reader.wants(keys[index - 1])
        ):
            reader.keep(keys[index - 1], reader.read(stop - body)[16:])


def _mp4_keys(reader: Reader, data: bytes) -> list[str]:
    keys: list[str] = []
    at = 8
    while at + 8 <= len(data):
        reader.block()
        (size,) = struct.unpack_from(">I", data, at)
        if size < 8:
            break
        keys.append(data[at + 8 : at + min(size, 8 + LONGEST_KEY)].decode("utf-8", "replace"))
        at += size
    return keys


_READERS: tuple[tuple[Callable[[bytes], bool], Callable[[Reader], None]], ...] = (
    (lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), _png),
    (lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP", _webp),
    (lambda head: head.startswith(b"\xff\xd8\xff"), _jpeg),
    (lambda head: head.startswith(b"fLaC"), _flac),
    (lambda head: head.startswith(b"OggS"), _ogg),
    (lambda head: head[4:8] == b"ftyp", _mp4),
)
