from __future__ import annotations

import json
from typing import Any

import pytest

from presets.lock_file import BadLock, LockedFile, parse, to_text

SHA = "a" * 64
GOOD: dict[str, Any] = {"path": "vae/a.safetensors", "url": "https://host/a.safetensors", "size": 5, "sha256": SHA}


def lock(*files: Any, **fields: Any) -> bytes:
    return json.dumps({"comfydash_lock": 1, "files": list(files), **fields}).encode()


def test_what_is_written_is_read_again() -> None:
    files = [LockedFile(**GOOD), LockedFile("clip/ü.gguf", "https://host/b.gguf", 7, "b" * 64)]
    assert parse(to_text(files).encode()) == files


BAD = {
    "no json": (b"{", "It is no JSON."),
    "not utf-8": (b"\xff", "It is no JSON."),
    "deep": (b"[" * 100_000, "It is no JSON."),
    "a list": (b"[]", "It is no lock file of ComfyDash."),
    "something else": (b"{}", "It is no lock file of ComfyDash."),
    "from the future": (lock(GOOD, comfydash_lock=2), "It has format 2; this one reads 1."),
    "no files": (lock(), "“files” must be a list with at least one file."),
    "files of a wrong type": (lock(files={}), "“files” must be a list"),
    "a file of a wrong type": (lock("x"), "File 1 is no object"),
    "outside": (lock(GOOD, {**GOOD, "path": "../x.pt"}), "File 2: The path"),
    "no path": (lock({**GOOD, "path": None}), "File 1: The path"),
    "no address": (lock({**GOOD, "url": "file:///etc/passwd"}), "File 1 (vae/a.safetensors) has no http(s) address."),
    "no size": (lock({**GOOD, "size": True}), "has no size in bytes"),
    "absurd size": (lock({**GOOD, "size": 10**30}), "has no size in bytes"),
    "no hash": (lock({**GOOD, "sha256": "A" * 64}), "has no SHA-256"),
    "twice": (lock(GOOD, GOOD), "File 2: vae/a.safetensors is there twice."),
    "too large": (b" " * (17 * 2**20), "It is larger than 16 MB"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_lock_is_a_sentence_with_its_place(fault: str) -> None:
    data, sentence = BAD[fault]
    with pytest.raises(BadLock) as caught:
        parse(data)
    assert sentence in str(caught.value)
