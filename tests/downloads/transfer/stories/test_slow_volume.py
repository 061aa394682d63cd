"""A models folder on a volume that is slower than the network."""

from __future__ import annotations

from pathlib import Path

import pytest

from downloads.transfer import Progress
from downloads.transfer.progress import WRITING
from tests.downloads.transfer.conftest import Bringer
from tests.fakehub import FakeHub
from tests.slow_volume import is_possible, slow_volume

SIZE = 2 << 20
RATE = SIZE / 4  # bytes/s: what a connection writes at a time takes two seconds

pytestmark = pytest.mark.skipif(not is_possible(), reason="a FUSE volume takes root and /dev/fuse")


def test_the_network_is_not_blamed_for_a_slow_disk_and_a_person_reads_what_is_waited_for(
    hub: FakeHub, tmp_path: Path
) -> None:
    file = hub.add_file("org/repo", "a.safetensors", size=SIZE)
    with slow_volume(tmp_path, RATE) as (mounted, _):
        brought = Bringer(hub, mounted)(file, connections=1, stall_seconds=0.5)
    assert brought.published, brought.refusal
    assert (brought.published.attempts, brought.published.fetched_bytes) == (1, SIZE)
    writing = [progress for progress in brought.ticks if progress.error == WRITING]
    assert {progress.speed for progress in writing} == {0.0}
    assert brought.statuses <= {"downloading", "verifying"}


@pytest.mark.parametrize("cached", [False, True])
def test_a_transfer_to_a_slow_disk_is_stopped_and_continued(cached: bool, hub: FakeHub, tmp_path: Path) -> None:
    def until_half(progress: Progress) -> bool:
        return progress.bytes_done < 2 * SIZE

    file = hub.add_file("org/repo", "a.safetensors", size=4 * SIZE)
    with slow_volume(tmp_path, 4 * SIZE, cached=cached) as (mounted, _):
        bring = Bringer(hub, mounted)
        assert bring(file, connections=4, tick=until_half).stopped
        brought = bring(file, connections=4)
        assert brought.published, brought.refusal
        assert brought.published.fetched_bytes <= 2 * SIZE
        assert bring.on_disk() == {"vae/a.safetensors": 4 * SIZE}
