from __future__ import annotations

import pytest

from presets.webp_frame import first_frame
from tests.presets.makers import chunk, riff

FRAME = chunk(b"VP8 ", b"first frame")


PICTURE = riff(FRAME)


HEAD = b"\0" * 6 + b"\x2a\x01\0" + b"\x2b\x01\0" + b"\0" * 4  # 299 by 300 at the corner


def animation(*first: bytes) -> bytes:
    second = chunk(b"ANMF", HEAD + chunk(b"VP8 ", b"second"))
    return riff(
        chunk(b"VP8X", b"\2" + b"\0" * 9), chunk(b"ANIM", b"\0" * 6), chunk(b"ANMF", HEAD + b"".join(first)), second
    )


def test_of_an_animation_the_first_frame_stays() -> None:
    assert first_frame(animation(FRAME)) == PICTURE


def test_a_frame_with_transparency_keeps_it() -> None:
    alpha = chunk(b"ALPH", b"alpha")
    extended = chunk(b"VP8X", b"\x10\0\0\0" + b"\x2a\x01\0" + b"\x2b\x01\0")
    assert first_frame(animation(alpha, FRAME)) == riff(extended, alpha, FRAME)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        PICTURE,
        b"RIFF\0\0\0\0WEBP",
        animation(FRAME)[:60],
        animation(b""),
        b"RIFF\xff\xff\xff\xffWEBPANMF\xff\xff",
    ],
)
def test_what_is_no_animation_is_left_as_it_is(data: bytes) -> None:
    assert first_frame(data) == data
