from __future__ import annotations

import hashlib
import os
from pathlib import Path

from downloads.transfer.part.buffers import Buffer, Buffers
from downloads.transfer.part.file import Partial
from downloads.transfer.part.hasher import MOST_BUFFERS, Hasher
from downloads.transfer.part.journal import Identity

SIZE = 64 << 10


def fill(buffer: Buffer, data: bytes) -> Buffer:
    buffer.room(len(data))[:] = data
    buffer.filled = len(data)
    return buffer


def test_a_buffer_is_used_again_once_the_last_holder_has_released_it() -> None:
    buffers = Buffers(SIZE)
    first = fill(buffers.take(), b"first")
    first.hold()
    first.release()
    second = fill(buffers.take(), b"second")
    assert (bytes(first.data), bytes(second.data)) == (b"first", b"second")
    first.release()
    assert buffers.take() is first
    assert (first.filled, buffers.made) == (0, 2)


def test_a_small_file_takes_a_small_buffer() -> None:
    assert len(Buffers(5000).take().memory) == 5000
    assert len(Buffers(1 << 40).take().memory) == 1 << 20


def test_a_file_of_any_length_is_hashed_from_as_many_buffers_as_may_wait(tmp_path: Path) -> None:
    blocks = [os.urandom(SIZE) for _ in range(200)]
    buffers = Buffers(SIZE)
    with Partial(tmp_path, "vae/a.safetensors") as partial:
        partial.adopt(Identity("https://x/a", SIZE * len(blocks), "a" * 64))
        hasher = Hasher(partial)
        for number, block in enumerate(blocks):
            buffer = fill(buffers.take(), block)
            assert partial.write(partial.generation, number * SIZE, buffer)
            buffer.release()
        assert hasher.wait(SIZE * len(blocks), 20)
        hasher.stop()
    assert hasher.hexdigest() == hashlib.sha256(b"".join(blocks)).hexdigest()
    assert buffers.made <= MOST_BUFFERS + 2
