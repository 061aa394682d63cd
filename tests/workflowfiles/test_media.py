"""A picture from a stranger costs what one file may cost, however often it names the same bytes."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable

import pytest

from tests.workflowfiles.reading import names
from tests.workflows import make
from workflowfiles import media, scan_bytes

MB = 2**20
UI = json.dumps(make.ui(make.node("VAELoader", ("from-workflow.pt",)))).encode()


class CountedFile(io.BytesIO):
    """A file that counts what is read of it, in bytes."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def bombs(key: bytes, count: int) -> bytes:
    return make.png(*[(b"zTXt", key + b"\0\0" + zlib.compress(b"\0" * 16 * MB))] * count)


def many_entries(count: int, length: int, text: bytes) -> bytes:
    """An EXIF directory whose entries overlap: each begins a byte further into the same text."""
    data_at = 8 + 2 + 12 * count + 4
    rows = b"".join(struct.pack("<HHII", 0x10F, 2, length - number, data_at + number) for number in range(count))
    return b"II*\0" + struct.pack("<IH", 8, count) + rows + b"\0" * 4 + text.ljust(length, b"x")


@pytest.fixture
def unfolded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of each text that was unfolded, seen where the budget pays for it."""
    sizes: list[int] = []
    inflate = media.Reader.inflate

    def counted(reader: media.Reader, data: bytes) -> bytes:
        text = inflate(reader, data)
        sizes.append(len(text))
        return text

    monkeypatch.setattr(media.Reader, "inflate", counted)
    return sizes


def test_a_chunk_of_another_key_is_never_unfolded(unfolded: list[int]) -> None:
    assert scan_bytes(bombs(b"parameters", 50)).kind == "not_workflow"
    assert unfolded == []


def test_the_first_chunk_of_a_key_is_unfolded_and_no_other(unfolded: list[int]) -> None:
    scan_bytes(bombs(b"workflow", 50))
    assert unfolded == [16 * MB]


@pytest.mark.parametrize("wrap", [make.webp, lambda data: make.png((b"eXIf", data))])
def test_entries_on_the_same_bytes_are_copied_once(wrap: Callable[[bytes], bytes]) -> None:
    copied: list[int] = []

    class Copies(bytes):
        """EXIF data that says how much of it each slice took."""

        def __getitem__(self, key: object) -> object:  # type: ignore[override]
            taken = super().__getitem__(key)  # type: ignore[call-overload]
            copied.append(len(taken) if isinstance(taken, bytes) else 0)
            return taken

    data = many_entries(500, 8 * MB, b"workflow:{")
    reader = media.Reader(io.BytesIO())
    media._exif(reader, Copies(data))
    assert sum(copied) < 2 * 8 * MB
    assert scan_bytes(wrap(data)).kind == "not_workflow"


def test_blocks_after_both_texts_are_not_looked_at() -> None:
    whole = make.png((b"tEXt", b"workflow\0" + UI), (b"tEXt", b"prompt\0{}"), *[(b"tEXt", b"x\0" + b"y" * MB)] * 20)
    file = CountedFile(whole)
    assert media.texts_of(file) == {"workflow": UI, "prompt": b"{}"}
    assert file.taken < MB


@pytest.mark.parametrize(
    "whole",
    [
        make.png(*[(b"eXIf", b"II*\0" + b"\0" * 4 * MB)] * 40),
        make.flac() + b"".join(b"\x04" + (15 * MB).to_bytes(3, "big") + b"\0" * 15 * MB for _ in range(8)),
        b"RIFF\0\0\0\0WEBP" + (b"EXIF" + struct.pack("<I", 4 * MB) + b"\0" * 4 * MB) * 40,
    ],
    ids=["png", "flac", "webp"],
)
def test_no_more_of_a_file_is_read_than_one_file_may_cost(whole: bytes) -> None:
    file = CountedFile(whole)
    media.texts_of(file)
    assert file.taken <= media.MOST_READ + 16


def test_a_workflow_behind_many_other_texts_is_found() -> None:
    whole = make.png(*[(b"tEXt", b"Comment\0" + b"x" * MB)] * 100, (b"tEXt", b"workflow\0" + UI))
    assert media.texts_of(io.BytesIO(whole)) == {"workflow": UI}


API = json.dumps(make.api(VAELoader={"vae_name": "from-prompt.pt"})).encode()


WITH_NAN = API.replace(b'"vae_name"', b'"scale": NaN, "vae_name"')


@pytest.mark.parametrize(
    "data",
    [
        make.png((b"tEXt", b"prompt\0" + API), (b"tEXt", b"workflow\0" + UI)),
        make.png((b"iTXt", b"workflow\0\0\0en\0\0" + UI)),
        make.png((b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(UI))),
        make.png((b"zTXt", b"workflow\0\0" + zlib.compress(UI))),
        make.png((b"eXIf", make.exif((0x10F, b"workflow:" + UI)))),
        make.webp(make.exif((0x10F, b"workflow:" + UI + b"\0"), (0x110, b"prompt:" + API + b"\0"))),
        make.webp(b"Exif\0\0" + make.exif((0x10F, b"Workflow: " + UI), order=">")),
        make.jpeg(make.exif((0x10E, b"Workflow:" + UI + b"\0"))),
        make.jpeg(make.exif((0x9286, b"UNICODE\0" + ("workflow:" + UI.decode()).encode("utf-16-le")))),
        make.jpeg(make.exif((0x9286, b"UNICODE\0" + ("workflow:" + UI.decode()).encode("utf-16-be")))),
        make.flac(prompt=API, workflow=UI),
        make.opus(WORKFLOW=UI, prompt=API),
        make.mp4(prompt=API, workflow=UI),
    ],
)
def test_the_workflow_in_a_picture_sound_or_video_is_read(data: bytes):
    assert scan_bytes(data).kind == "ui"
    assert names(data) == ["vae/from-workflow.pt"]


@pytest.mark.parametrize("workflow", [None, b"not json", b"{}", b"[1]"])
def test_the_prompt_is_read_when_the_workflow_is_missing_or_broken(workflow: bytes | None):
    chunks = [(b"tEXt", b"workflow\0" + workflow)] if workflow is not None else []
    data = make.png(*chunks, (b"tEXt", b"prompt\0" + WITH_NAN))
    assert (scan_bytes(data).kind, names(data)) == ("api", ["vae/from-prompt.pt"])


def test_a_picture_without_a_workflow_says_what_to_ask_for():
    found = scan_bytes(make.png(), name="cat.png")
    assert found.kind == "not_workflow"
    assert found.error == (
        "cat.png: It carries no workflow. Many sites remove it from pictures: ask for the original or the JSON."
    )


@pytest.mark.parametrize("cut", range(0, 160, 7))
def test_a_picture_cut_anywhere_gives_a_verdict(cut: int):
    for whole in (
        make.png((b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(UI))),
        make.webp(make.exif((0x10F, b"workflow:" + UI))),
        make.jpeg(make.exif((0x10E, b"Workflow:" + UI))),
        make.flac(workflow=UI),
        make.opus(workflow=UI),
        make.mp4(workflow=UI),
    ):
        assert scan_bytes(whole[:cut]).kind in {"not_workflow", "unreadable"}
