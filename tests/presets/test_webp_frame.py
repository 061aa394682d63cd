from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from presets import templates_source, thumbnails
from presets.webp_frame import first_frame

pytestmark = pytest.mark.django_db


TEMPLATES = ("flux", "wan video", "..")


def chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


FRAME = chunk(b"VP8 ", b"first frame")


PICTURE = riff(FRAME)


HEAD = b"\0" * 6 + b"\x2a\x01\0" + b"\x2b\x01\0" + b"\0" * 4  # 299 by 300 at the corner


def animation(*first: bytes) -> bytes:
    second = chunk(b"ANMF", HEAD + chunk(b"VP8 ", b"second"))
    return riff(
        chunk(b"VP8X", b"\2" + b"\0" * 9), chunk(b"ANIM", b"\0" * 6), chunk(b"ANMF", HEAD + b"".join(first)), second
    )


@pytest.fixture(autouse=True)
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of templates with three names, and room for a package of pictures beside it."""
    packages = tmp_path / "packages"
    folder = packages / "some_templates" / "templates"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    index = [{"title": "Image", "type": "image", "templates": [{"name": name} for name in TEMPLATES]}]
    (folder / "index.json").write_text(json.dumps(index))
    monkeypatch.syspath_prepend(packages)
    monkeypatch.setattr(templates_source, "MODULE", "some_templates")
    monkeypatch.setattr(thumbnails, "_quiet_until", 0.0)
    templates_source.templates.cache_clear()
    thumbnails.packaged.cache_clear()
    yield packages
    templates_source.templates.cache_clear()
    thumbnails.packaged.cache_clear()


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
