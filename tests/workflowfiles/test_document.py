"""What kinds of files are read: encodings, pictures, and what is no workflow at all."""

from __future__ import annotations

import codecs
import json
import zlib
from pathlib import Path

import pytest

from tests.workflows import make
from workflowfiles import scan_bytes, scan_file

UI = json.dumps(make.ui(make.node("VAELoader", ("from-workflow.pt",)))).encode()
API = json.dumps(make.api(VAELoader={"vae_name": "from-prompt.pt"})).encode()
WITH_NAN = API.replace(b'"vae_name"', b'"scale": NaN, "vae_name"')


def names(data: bytes) -> list[str]:
    return [use.path for use in scan_bytes(data).models]


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + UI,
        codecs.BOM_UTF16_LE + UI.decode().encode("utf-16-le"),
        codecs.BOM_UTF16_BE + UI.decode().encode("utf-16-be"),
        codecs.BOM_UTF32_LE + UI.decode().encode("utf-32-le"),
        b"\r\n  " + UI + b"\n",
        UI.replace(b'"version": 0.4', b'"version": NaN, "scale": -Infinity'),
    ],
)
def test_faults_of_real_files_are_read(data: bytes):
    assert names(data) == ["vae/from-workflow.pt"]


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


@pytest.mark.parametrize("document", [[], [1, 2], {}, {"a": 1}, {"nodes": 3}, {"nodes": [1]}, {"prompt": "hello"}])
def test_other_json_is_not_a_workflow(document: object):
    found = scan_bytes(make.dump(document))
    assert (found.kind, found.models) == ("not_workflow", ())
    assert found.error.endswith(".")


@pytest.mark.parametrize(
    "data", [b"", b"hello", b'{"nodes": [', b"\xff\xfe\x00", b"{" + b"\xe9" * 9, b"version https://git"]
)
def test_what_cannot_be_read_says_so(data: bytes):
    found = scan_bytes(data)
    assert (found.kind, found.models) == ("unreadable", ())
    assert found.error.endswith(".")


def test_an_empty_workflow_is_one():
    assert scan_bytes(make.dump(make.ui())).kind == "ui"


def test_a_file_is_scanned_like_its_bytes(tmp_path: Path):
    for name, data in (("a.json", UI), ("b.png", make.png((b"tEXt", b"workflow\0" + UI)))):
        (tmp_path / name).write_bytes(data)
        assert scan_file(tmp_path / name) == scan_bytes(data)


@pytest.mark.parametrize("name", ["missing.json", "nul\0.json", "."])
def test_a_file_that_cannot_be_opened_is_unreadable(tmp_path: Path, name: str):
    found = scan_file(tmp_path / name)
    assert found.kind == "unreadable"
    assert "Check the file" in found.error
