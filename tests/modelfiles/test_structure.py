"""What is a model and what is not, by its bytes."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from modelfiles.errors import NotAModel
from modelfiles.structure import check_structure
from tests.downloads.transfer.conftest import Bringer
from tests.fakehub import FakeHub, gguf_bytes, safetensors_bytes


def safetensors(header: object, data: bytes = b"") -> bytes:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + data


def tensor(dtype: str = "F16", shape: object = (2, 2), offsets: object = (0, 8)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def big_endian(data: bytes, magic: bytes = b"GGUF") -> bytes:
    """A file of one tensor (F32, 8 elements) as gguf-py writes it for big-endian machines."""
    name = struct.pack(">Q", 1) + b"w"
    head = magic + struct.pack(">IQQ", 3, 1, 0) + name + struct.pack(">IQIQ", 1, 8, 0, 0)
    return head.ljust(-(-len(head) // 32) * 32, b"\0") + data


GOOD = {
    "big-endian.gguf": big_endian(b"x" * 32),
    "magic swapped too.gguf": big_endian(b"x" * 32, b"FUGG"),
    "small.safetensors": safetensors_bytes(500),
    "metadata.safetensors": safetensors({"__metadata__": {"a": "b"}, "w": tensor()}, b"x" * 8),
    "padded.sft": safetensors(json.dumps({"w": tensor()}).encode() + b"   ", b"x" * 8),
    "no tensors.safetensors": safetensors({}),
    "new type.safetensors": safetensors({"w": tensor("F3_NEW", [2], [0, 8])}, b"x" * 8),
    "small.gguf": gguf_bytes(),
    "weights.pth": b"\x80\x02anything",
    "archive.pt": b"PK\x03\x04" + b"x" * 100 + b"PK\x05\x06" + b"\0" * 18,
    "config.json": b"{}",
    "notes.txt": b"hello",
    "read me.md": b"<header>A model</header>",
    "vocabulary.gguf": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<IB", 0, 7),
    "a later format.safetensors": safetensors({"__quantization__": ["x"], "w": tensor()}, b"x" * 8),
}

# What is odd or not known is said, and never a reason to give bytes up.
ODD = {
    "behind.safetensors": (safetensors({"w": tensor()}, b"x" * 72), "64 bytes behind the last one"),
    "between.safetensors": (
        safetensors({"a": tensor(), "b": tensor(offsets=[16, 24])}, b"x" * 24),
        "8 bytes between its tensors",
    ),
    "before.safetensors": (safetensors({"w": tensor(offsets=[1, 9])}, b"x" * 9), "1 byte between its tensors"),
    "both.safetensors": (
        safetensors({"a": tensor(), "b": tensor(offsets=[9, 17])}, b"x" * 18),
        "1 byte between its tensors and 1 byte behind the last one",
    ),
    "shared.safetensors": (
        safetensors({"a": tensor(), "b": tensor(offsets=[4, 12])}, b"x" * 12),
        "tensors that share their bytes",
    ),
    "nothing but bytes.safetensors": (safetensors({}, b"x" * 5), "5 bytes behind the last one"),
    "version of the future.gguf": (b"GGUF" + struct.pack("<IQQ", 40, 0, 0) + b"x" * 100, "version 40"),
    "value of the future.gguf": (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<QBI", 1, 107, 99) + b"x" * 100,
        "value type 99",
    ),
}

BAD = {
    "truncated big-endian.gguf": big_endian(b"x" * 31),
    "empty.safetensors": b"",
    "empty.pth": b"",
    "page.pth": b"\n <!DOCTYPE html><html>",
    "page.safetensors": b"<html><head>",
    "pointer.pth": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "short.safetensors": b"\x10",
    "header too long.safetensors": struct.pack("<Q", 1 << 40) + b"{" * 100,
    "header beyond the end.safetensors": struct.pack("<Q", 1000) + b"{}",
    "not json.safetensors": safetensors(b"{not json}"),
    "deep.safetensors": safetensors(b"{" + b'"a":{' * 50_000),
    "list.safetensors": safetensors(b'{"a":1}'),
    "truncated.safetensors": safetensors({"w": tensor()}, b"x" * 7),
    "no offsets.safetensors": safetensors({"w": {"dtype": "F16", "shape": [1]}}),
    "backward offsets.safetensors": safetensors({"w": tensor(offsets=[8, 0])}, b"x" * 8),
    "negative.safetensors": safetensors({"w": tensor(offsets=[-8, 0])}, b"x" * 8),
    "shape and bytes differ.safetensors": safetensors({"w": tensor(shape=[3])}, b"x" * 8),
    "pickle.safetensors": b"\x80\x04" + b"x" * 100,
    "zip.safetensors": b"PK\x03\x04" + b"x" * 100,
    "truncated.gguf": gguf_bytes(4096)[:-1],
    "truncated header.gguf": gguf_bytes(4096)[:40],
    "no.gguf": b"GGML" + b"x" * 100,
    "count.gguf": b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0) + b"x" * 100,
    "loop.gguf": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<QBIIQ", 1, 107, 9, 9, 1 << 60),
    "truncated archive.pt": b"PK\x03\x04" + b"x" * 100,
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_model_passes(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(GOOD[name])
    assert check_structure(tmp_path / name) == []


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_or_not_known_is_said_and_passes(name: str, tmp_path: Path) -> None:
    content, words = ODD[name]
    (tmp_path / name).write_bytes(content)
    [sentence] = check_structure(tmp_path / name)
    assert sentence.startswith(name)
    assert words in sentence


def test_what_is_odd_is_fetched_with_a_warning(hub: FakeHub, bring: Bringer) -> None:
    content = safetensors({"w": tensor()}, b"x" * 72)
    file = hub.add_file("org/repo", "a.safetensors", content)
    brought = bring(file, "vae/a.safetensors")
    assert brought.published
    assert "64 bytes behind the last one" in brought.published.warnings[0]


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_model_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(BAD[name])
    with pytest.raises(NotAModel) as refused:
        check_structure(tmp_path / name)
    assert str(refused.value).startswith(name)


def test_metadata_of_every_kind_is_walked(tmp_path: Path) -> None:
    def text(value: bytes) -> bytes:
        return struct.pack("<Q", len(value)) + value

    entries = [
        text(b"general.alignment") + struct.pack("<II", 4, 64),
        text(b"name") + struct.pack("<I", 8) + text(b"model"),
        text(b"tokens") + struct.pack("<IIQ", 9, 8, 2) + text(b"a") + text(b"b"),
        text(b"scores") + struct.pack("<IIQ", 9, 6, 3) + struct.pack("<3f", 1, 2, 3),
    ]
    info = text(b"w") + struct.pack("<IQIQ", 1, 256, 12, 0)  # one block of Q4_K
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(entries)) + b"".join(entries) + info
    whole = head.ljust(-(-len(head) // 64) * 64, b"\0") + b"x" * 144
    file = tmp_path / "a.gguf"
    file.write_bytes(whole)
    check_structure(file)
    file.write_bytes(whole[:-1])
    with pytest.raises(NotAModel, match="truncated"):
        check_structure(file)
