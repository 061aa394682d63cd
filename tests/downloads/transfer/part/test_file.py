"""A ``.part`` with its journal beside it."""

from __future__ import annotations

import os
from pathlib import Path

from downloads.transfer.part.file import Partial, partial_bytes
from downloads.transfer.part.journal import Identity

MODEL = "vae/a.safetensors"


FILE = Identity("https://x/a", 1000, "a" * 64, "", "")


def test_bytes_beyond_the_end_of_the_part_are_not_counted(tmp_path: Path) -> None:
    with Partial(tmp_path, MODEL) as partial:
        partial.adopt(FILE)
        partial.write(partial.generation, 0, [b"x" * 700], 700)
    assert partial_bytes(tmp_path, MODEL) == 700
    os.truncate(tmp_path / (MODEL + ".part"), 100)
    assert partial_bytes(tmp_path, MODEL) == 100
    (tmp_path / (MODEL + ".part")).unlink()
    assert partial_bytes(tmp_path, MODEL) == 0


def test_places_beyond_four_gigabytes_are_places_like_others(tmp_path: Path) -> None:
    size, far = 6_000_000_000, 5_000_000_000
    with Partial(tmp_path, MODEL) as partial:
        partial.adopt(Identity("https://x/a", size, "a" * 64))
        partial.write(partial.generation, far, [b"far ", b"away"], 8)
    with Partial(tmp_path, MODEL) as again:
        assert again.adopt(Identity("https://x/a", size, "a" * 64))
        assert again.extents.missing(size) == [(0, far), (far + 8, size)]
        buffer = bytearray(8)
        assert (again.read_into(memoryview(buffer), far), bytes(buffer)) == (8, b"far away")
    assert partial_bytes(tmp_path, MODEL) == 8


def test_bytes_of_an_older_generation_are_refused(tmp_path: Path) -> None:
    with Partial(tmp_path, MODEL) as partial:
        partial.adopt(FILE)
        old = partial.generation
        partial.start_over(FILE)
        assert not partial.write(old, 0, [b"x"], 1)
        assert partial.bytes_done == 0
    assert not partial.write(partial.generation, 0, [b"x"], 1)


def test_a_long_journal_is_written_anew(tmp_path: Path) -> None:
    with Partial(tmp_path, MODEL) as partial:
        partial.adopt(Identity("https://x/a", 1 << 40, "a" * 64))
        for number in range(3000):
            partial.write(partial.generation, number * 4, [b"ab"], 2)
            if number % 10 == 0:
                partial.note()
        partial.note()
        assert (tmp_path / (MODEL + ".part.state")).stat().st_size < 3 << 20
    assert partial_bytes(tmp_path, MODEL) == 6000
