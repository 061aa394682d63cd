from __future__ import annotations

import hashlib
import os
from pathlib import Path

from downloads.transfer.part.buffers import Buffer
from downloads.transfer.part.file import Partial
from downloads.transfer.part.hasher import ENOUGH_WAITING, Hasher
from downloads.transfer.part.journal import Identity

MODEL = "vae/a.safetensors"


class Counted(Partial):
    """A Partial that counts what the hash reads back."""

    read_back = 0

    def read_into(self, buffer: memoryview, offset: int) -> int:
        self.read_back += len(buffer)
        return super().read_into(buffer, offset)


def test_a_lone_connection_waits_for_the_hash_so_that_nothing_is_read_back(tmp_path: Path) -> None:
    block, count = os.urandom(4 << 20), 16
    with Counted(tmp_path, MODEL) as partial:
        partial.adopt(Identity("https://x/a", len(block) * count, "a" * 64))
        hasher = Hasher(partial)
        for number in range(count):
            partial.write(partial.generation, number * len(block), Buffer.of(block))
            hasher.let_catch_up(lambda: False)
            assert partial.front - hasher.position <= ENOUGH_WAITING
        assert hasher.wait(len(block) * count, 20)
        hasher.stop()
        assert partial.read_back == 0
    assert hasher.hexdigest() == hashlib.sha256(block * count).hexdigest()


def test_nobody_waits_for_a_hash_that_has_stopped(tmp_path: Path) -> None:
    with Partial(tmp_path, MODEL) as partial:
        partial.adopt(Identity("https://x/a", 100 << 20, "a" * 64))
        hasher = Hasher(partial)
        hasher.stop()
        partial.write(partial.generation, 0, Buffer.of(bytes(20 << 20)))
        hasher.let_catch_up(lambda: False)
