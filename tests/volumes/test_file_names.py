"""Names as text and back: whatever bytes a name has, it can be shown, stored and found again."""

from __future__ import annotations

import os

import pytest

from volumes.file_names import composed, real, shown
from webclient.errors import TransferError

NAMES = {
    b"a.safetensors": "a.safetensors",
    b"\xc4\xe3.safetensors": "\\xc4\\xe3.safetensors",
    "é.safetensors".encode(): "é.safetensors",
    b"back\\slash": "back\\\\slash",
    b"\\xc4": "\\\\xc4",
    b"\\\xc4\\": "\\\\\\xc4\\\\",
    b"a\nb": "a\nb",
    b"\xed\xa0\x80": "\\xed\\xa0\\x80",  # half a character pair, written as if it were text
}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_text_and_comes_back_as_it_was(name: bytes) -> None:
    text = shown(os.fsdecode(name))
    assert text == NAMES[name]
    text.encode()
    assert os.fsencode(real(text)) == name


def test_bytes_written_one_by_one_that_are_text_together_are_that_text() -> None:
    assert real("\\xc3\\xa9") == "é"


def test_names_are_compared_composed() -> None:
    assert composed("loras/e\u0301.safetensors") == "loras/\u00e9.safetensors"


def test_a_refusal_can_be_stored_whatever_the_folder_is_called() -> None:
    refusal = TransferError(f"{os.fsdecode(b'/data/' + bytes([0xC4]))} is full", reason="disk_full")
    assert str(refusal) == "/data/\\xc4 is full"
