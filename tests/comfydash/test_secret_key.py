from __future__ import annotations

import errno
import stat
from pathlib import Path

import pytest

from tests.volumes.refusing import refusing, start

KEY = """
import sys
from pathlib import Path
from comfydash.secret_key import read_or_create
sys.stdin.readline()
print(read_or_create(Path(sys.argv[1])))
"""


@pytest.mark.parametrize(
    "codes", [{}, {"link": errno.EPERM}, {"link": errno.ENOSYS, "flock": errno.ENOLCK}, {"link": errno.EIO}], ids=str
)
def test_starters_that_race_agree_on_the_key_without_hard_links(tmp_path: Path, codes: dict[str, int]) -> None:
    file, volume = tmp_path / "data" / "secret_key", refusing(**codes)
    starters = [start(KEY, file, **volume) for _ in range(4)]
    for starter in starters:
        assert starter.stdin
        starter.stdin.write("go\n")
        starter.stdin.flush()
    assert {starter.communicate(timeout=60)[0].strip() for starter in starters} == {file.read_text()}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
