"""The first frame of an animated WebP as a picture of its own.

The official templates' pictures are animations of up to 4 MB; one frame takes 18 kB and does not move beside the text
that somebody reads. The frame is complete in the file, so nothing is decoded: its chunks get a new head.
Layout: RFC 9649, WebP Image Format.

By hand, not Pillow: nothing is decoded, and no other part of the project needs Pillow.
"""

from __future__ import annotations

from collections.abc import Iterator

FRAME_HEAD = 16  # bytes of an ANMF chunk before the frame's own chunks: place, size, duration, flags
ALPHA = 0x10


def first_frame(data: bytes) -> bytes:
    """The first frame of an animation; anything else, and what is not understood, comes back as it is."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return data
    frame = next((body for name, body in _chunks(data[12:]) if name == b"ANMF"), b"")
    parts = {name: body for name, body in _chunks(frame[FRAME_HEAD:]) if name in {b"ALPH", b"VP8 ", b"VP8L"}}
    if not parts.keys() & {b"VP8 ", b"VP8L"}:
        return data
    if b"ALPH" in parts:  # only the extended form may carry it, and wants the size: that of the frame, less one
        parts = {b"VP8X": bytes([ALPHA, 0, 0, 0]) + frame[6:12], **parts}
    body = b"WEBP" + b"".join(_chunk(name, part) for name, part in parts.items())
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of each chunk that is whole."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + size]
        if len(body) < size:
            return
        yield data[at : at + 4], body
        at += 8 + size + size % 2


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
