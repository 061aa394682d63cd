"""Workflows inside pictures, sound and video: the texts that ComfyUI stores as ``workflow`` (UI) and ``prompt`` (API).

The readers walk the blocks of a file by their lengths and skip what is not text, so a video of gigabytes costs a few
reads. Broken lengths end the walk; what was found until then counts.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

LARGEST_TEXT = 16 * 2**20  # bytes of one text
MOST_BLOCKS = 20_000
KEYS = ("workflow", "prompt")

Texts = dict[str, bytes]


def texts_of(stream: BinaryIO) -> Texts | None:
    """The stored texts by key, ``{}`` when it is a picture without any, None when it is no media file."""
    head = stream.read(16)
    for matches, reader in _READERS:
        if matches(head):
            found: Texts = {}
            try:
                for key, text in reader(stream):
                    if key.lower() in KEYS and len(text) <= LARGEST_TEXT:
                        found.setdefault(key.lower(), text)
            except (struct.error, zlib.error, IndexError):
                pass  # cut short: what came before the cut is kept
            return found
    return None


def _read(stream: BinaryIO, size: int) -> bytes:
    """Exactly ``size`` bytes, or b"" (and a skip) when that is more than a text may have."""
    if size > LARGEST_TEXT:
        stream.seek(size, 1)
        return b""
    data = stream.read(size)
    if len(data) < size:
        raise struct.error("the block is cut short")
    return data


# --- PNG ---------------------------------------------------------------------------------------------------------


def _png(stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    stream.seek(8)
    for _ in range(MOST_BLOCKS):
        size, kind = struct.unpack(">I4s", _read(stream, 8))
        if kind == b"IEND":
            return
        if kind not in (b"tEXt", b"iTXt", b"zTXt", b"eXIf"):
            stream.seek(size + 4, 1)
            continue
        data = _read(stream, size)
        stream.seek(4, 1)
        if kind == b"eXIf":
            yield from _exif(data)
            continue
        key, _, rest = data.partition(b"\0")
        yield key.decode("latin-1"), _png_text(kind, rest)


def _png_text(kind: bytes, rest: bytes) -> bytes:
    if kind == b"tEXt":
        # The standard says Latin-1. Writers put UTF-8 there too: only what is no UTF-8 is converted.
        try:
            rest.decode()
        except UnicodeDecodeError:
            return rest.decode("latin-1").encode()
        return rest
    if kind == b"zTXt":
        return _inflate(rest[1:])
    compressed, rest = rest[0], rest[2:]
    _language, _, rest = rest.partition(b"\0")
    _translated, _, text = rest.partition(b"\0")
    return _inflate(text) if compressed else text


def _inflate(data: bytes) -> bytes:
    """At most one text's worth: 16 KB of zlib can unfold to 16 MB, and a whole file to any size."""
    return zlib.decompressobj().decompress(data, LARGEST_TEXT)


# --- WebP and JPEG: EXIF -----------------------------------------------------------------------------------------


def _webp(stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    stream.seek(12)
    for _ in range(MOST_BLOCKS):
        kind, size = struct.unpack("<4sI", _read(stream, 8))
        if kind == b"EXIF":
            yield from _exif(_read(stream, size).removeprefix(b"Exif\0\0"))
            stream.seek(size & 1, 1)
        else:
            stream.seek(size + (size & 1), 1)


def _jpeg(stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    stream.seek(2)
    for _ in range(MOST_BLOCKS):
        marker, size = struct.unpack(">HH", _read(stream, 4))
        if marker < 0xFFC0 or marker == 0xFFDA:  # the picture itself follows
            return
        data = _read(stream, max(0, size - 2))
        if marker == 0xFFE1 and data.startswith(b"Exif\0\0"):
            yield from _exif(data[6:])


def _exif(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Texts ``workflow:{…}`` of any tag: ComfyUI uses Make and Model, others ImageDescription and UserComment."""
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
            at = offset + 2 + 12 * index
            tag, kind, length = struct.unpack_from(order + "HHI", data, at)
            (value,) = struct.unpack_from(order + "I", data, at + 8)
            if tag == 0x8769:  # the directory with UserComment
                pending.append(value)
            elif kind in (1, 2, 7) and length > 4:
                yield from _labelled(data[value : value + length])


def _labelled(raw: bytes) -> Iterator[tuple[str, bytes]]:
    if raw.startswith(b"UNICODE\0"):
        # Writers use either byte order, whatever that of the directory; a label is ASCII and shows which.
        wide = "utf-16-be" if raw[8:9] == b"\0" else "utf-16-le"
        raw = raw[8:].decode(wide, "replace").encode("utf-8", "replace")
    elif raw.startswith(b"ASCII\0\0\0"):
        raw = raw[8:]
    label, colon, text = raw.rstrip(b"\0").partition(b":")
    key = label.decode("latin-1").strip().lower()
    if colon and key in KEYS:
        yield key, text.strip()


# --- FLAC, Ogg: Vorbis comments ------------------------------------------------------------------------------------


def _flac(stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    stream.seek(4)
    for _ in range(MOST_BLOCKS):
        header = _read(stream, 4)
        size = int.from_bytes(header[1:], "big")
        if header[0] & 0x7F == 4:
            yield from _vorbis_comments(_read(stream, size))
        else:
            stream.seek(size, 1)
        if header[0] & 0x80:
            return


def _ogg(stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """The comment packet of Opus or Vorbis is the second packet and may span pages."""
    stream.seek(0)
    packet = bytearray()
    for _ in range(MOST_BLOCKS):
        header = _read(stream, 27)
        if header[:4] != b"OggS":
            return
        lacing = _read(stream, header[26])
        for length in lacing:
            packet += _read(stream, length)
            if len(packet) > LARGEST_TEXT:
                return
            if length < 255:
                for signature in (b"OpusTags", b"\x03vorbis"):
                    if packet.startswith(signature):
                        yield from _vorbis_comments(bytes(packet[len(signature) :]))
                        return
                packet.clear()


def _vorbis_comments(data: bytes) -> Iterator[tuple[str, bytes]]:
    (vendor,) = struct.unpack_from("<I", data, 0)
    (count,) = struct.unpack_from("<I", data, 4 + vendor)
    at = 8 + vendor
    for _ in range(min(count, MOST_BLOCKS)):
        (size,) = struct.unpack_from("<I", data, at)
        key, equals, text = data[at + 4 : at + 4 + size].partition(b"=")
        if equals:
            yield key.decode("latin-1"), text
        at += 4 + size


# --- MP4 and MOV ---------------------------------------------------------------------------------------------------


def _mp4(stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """moov/udta/meta (or moov/meta): ``keys`` names the entries of ``ilst`` by number."""
    end = stream.seek(0, 2)
    keys: list[str] = []
    pending = [(0, end)]
    for _ in range(MOST_BLOCKS):
        if not pending:
            return
        at, end = pending.pop()
        if at + 8 > end:
            continue
        stream.seek(at)
        size, kind = struct.unpack(">I4s", _read(stream, 8))
        body = at + 8
        if size == 1:
            (size,) = struct.unpack(">Q", _read(stream, 8))
            body += 8
        stop = end if size == 0 else min(at + size, end)
        if stop < body:
            return
        pending.append((stop, end))
        if kind in (b"moov", b"udta", b"ilst"):
            pending.append((body, stop))
        elif kind == b"meta":
            # A full box in MP4 (four bytes of version first), a plain one in QuickTime.
            start = _read(stream, 8) if stop - body >= 8 else b""
            pending.append((body if start[4:8] in (b"hdlr", b"keys") else body + 4, stop))
        elif kind == b"keys":
            keys = _mp4_keys(_read(stream, stop - body))
        elif keys and 0 < (index := int.from_bytes(kind, "big")) <= len(keys) and stop - body >= 16:
            yield keys[index - 1], _read(stream, stop - body)[16:]


def _mp4_keys(data: bytes) -> list[str]:
    keys: list[str] = []
    at = 8
    while at + 8 <= len(data) and len(keys) < MOST_BLOCKS:
        (size,) = struct.unpack_from(">I", data, at)
        if size < 8:
            break
        keys.append(data[at + 8 : at + size].decode("utf-8", "replace"))
        at += size
    return keys


_READERS: tuple[tuple[Callable[[bytes], bool], Callable[[BinaryIO], Iterator[tuple[str, bytes]]]], ...] = (
    (lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), _png),
    (lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP", _webp),
    (lambda head: head.startswith(b"\xff\xd8\xff"), _jpeg),
    (lambda head: head.startswith(b"fLaC"), _flac),
    (lambda head: head.startswith(b"OggS"), _ogg),
    (lambda head: head[4:8] == b"ftyp", _mp4),
)
