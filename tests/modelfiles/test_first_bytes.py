"""A header out of the first bytes of a file, as they arrive."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfiles.errors import NotAModel
from modelfiles.first_bytes import read_header
from modelfiles.header import Header, NeedsBytes, Tensor
from tests.modelfiles.heads import gguf_start, head, safetensors_start

START, SIZE = safetensors_start(head("a.weight:2,3 b.bias:4", {"title": "A model"}))
METADATA = {"general.architecture": "llama", "general.type": "model"}
GGUF = gguf_start(METADATA, "blk.0.attn_q.weight token_embd.weight", vocabulary=2000)


def test_names_types_shapes_and_metadata_are_read() -> None:
    assert read_header(START, SIZE) == Header(
        {"a.weight": Tensor("F16", (2, 3)), "b.bias": Tensor("F16", (4,))}, {"title": "A model"}
    )


def test_shapes_of_gguf_are_turned_round() -> None:
    name = b"a.weight"
    start = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q", len(name)) + name
    start += struct.pack("<IQQIQ", 2, 64, 3072, 0, 0)
    header = read_header(start, 10**9)
    assert isinstance(header, Header)
    assert header.tensors["a.weight"].shape == (3072, 64)


def test_what_follows_the_header_does_not_matter() -> None:
    assert read_header(START + b"\xff" * 100, SIZE) == read_header(START, SIZE)


@pytest.mark.parametrize("arrived", [0, 1, 8, 9, 20, len(START) - 1])
def test_a_beginning_says_how_much_of_it_is_needed(arrived: int) -> None:
    answer = read_header(START[:arrived], SIZE)
    assert isinstance(answer, NeedsBytes)
    assert arrived < answer.count <= SIZE
    assert arrived < 9 or answer.count == len(START)


@pytest.mark.parametrize("arrived", [4, 24, 100, 5000, len(GGUF) - 1])
def test_a_long_vocabulary_is_asked_for_in_few_steps(arrived: int) -> None:
    answer = read_header(GGUF[:arrived], 10**9)
    assert isinstance(answer, NeedsBytes)
    assert answer.count >= 2 * arrived


def test_the_metadata_of_gguf_are_there_before_its_tensors() -> None:
    answer = read_header(GGUF[:5000], 10**9)
    assert isinstance(answer, NeedsBytes)
    assert answer.so_far == Header({}, METADATA, whole=False)


def test_asking_again_ends_with_the_header() -> None:
    for whole, size in ((START, SIZE), (GGUF, len(GGUF) + 100)):
        arrived, answer, steps = 0, read_header(b"", size), 0
        while isinstance(answer, NeedsBytes):
            assert answer.count > arrived
            arrived, steps = answer.count, steps + 1
            answer = read_header(whole[:arrived], size)
        assert len(answer.tensors) == 2
        assert steps < 10


NO_HEADERS = {
    "a page": b"<!doctype html><html>",
    "a pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "a pickle": b"\x80\x02ctorch",
    "an archive": b"PK\x03\x04" + bytes(100),
    "ggml": b"lmgg" + bytes(100),
    "a header longer than the file": struct.pack("<Q", 10**6) + b"{",
    "a header of 200 MB": struct.pack("<Q", 200_000_000) + b"{",
    "a list": struct.pack("<Q", 8) + b"[1, 2]  ",
    "an entry that is none": struct.pack("<Q", 8) + b'{"a": 1}',
    "an entry without a place": struct.pack("<Q", 36) + b'{"a": {"dtype": "F16", "shape": [2]}}',
    "no json": struct.pack("<Q", 8) + b"{nothing",
    "braces": struct.pack("<Q", 600_000) + b'{"a":' * 120_000,
    "more tensors than bytes": b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0),
    "a name of 2^63 bytes": b"GGUF" + struct.pack("<IQQQ", 3, 1, 1, 1 << 63),
}


@pytest.mark.parametrize("title", NO_HEADERS)
def test_what_is_no_header_is_refused_in_words(title: str) -> None:
    with pytest.raises(NotAModel, match=r"^The file .*\.$|Open its address"):
        read_header(NO_HEADERS[title], 1_000 if "longer" in title else 1_000_000_000)


@given(st.binary(max_size=300), st.integers(0, 1 << 62))
def test_whatever_arrives_is_a_header_or_a_refusal_or_asks_for_more(data: bytes, size: int) -> None:
    for beginning in (b"", b"GGUF\x03\0\0\0", struct.pack("<Q", len(data)), struct.pack("<Q", len(data) + 1) + b"{"):
        try:
            answer = read_header(beginning + data, size)
        except NotAModel:
            continue
        assert isinstance(answer, Header) or answer.count <= max(size, 9)
