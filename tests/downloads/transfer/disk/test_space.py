from __future__ import annotations

import os
from pathlib import Path

from downloads.transfer import disk_space


def test_a_quota_counts_blocks_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    os.link(tmp_path / "a", tmp_path / "b")
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 30)
    space = disk_space(tmp_path, quota=1_000_000, reserve=100_000)
    assert space.total == 1_000_000
    assert 850_000 <= space.free <= 900_000
    assert space.usable == space.free - 100_000
    assert disk_space(tmp_path, quota=50_000).usable == 0
    assert disk_space(tmp_path / "not" / "yet").total == disk_space(tmp_path).total
