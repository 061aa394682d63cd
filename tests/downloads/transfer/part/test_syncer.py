from __future__ import annotations

from pathlib import Path

import pytest

from downloads.transfer.part.buffers import Buffer
from downloads.transfer.part.file import LEAST_UNSYNCED, MOST_UNSYNCED, Partial, unsynced_allowed
from downloads.transfer.part.journal import Identity

BLOCK = 1 << 20


def test_who_writes_is_held_up_once_enough_waits_for_the_disk_and_goes_on_after_a_sync(tmp_path: Path) -> None:
    held: list[int] = []

    def leaving() -> bool:
        """Asked only where one would wait."""
        held.append(blocks)
        return True

    with Partial(tmp_path, "vae/a.safetensors") as partial:
        partial.adopt(Identity("https://x/a", 100 * BLOCK, "a" * 64))
        partial.most_unsynced = 4 * BLOCK
        for blocks in range(1, 6):
            partial.write(partial.generation, (blocks - 1) * BLOCK, Buffer.of(bytes(BLOCK)))
            partial.wait_for_disk(leaving)
        assert held == [5]
        partial.sync()
        partial.wait_for_disk(leaving)
        assert held == [5]


@pytest.mark.parametrize(
    ("megabytes", "seconds", "allowed"),
    [(100, 1.0, 50 << 20), (64, 0.0, MOST_UNSYNCED), (2000, 1.0, MOST_UNSYNCED), (1, 2.0, LEAST_UNSYNCED)],
)
def test_so_much_may_wait_as_the_disk_takes_in_half_a_second(megabytes: int, seconds: float, allowed: int) -> None:
    assert unsynced_allowed(megabytes << 20, seconds) == allowed
