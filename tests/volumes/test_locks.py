"""One holder at a time, with the kernel's locks and on volumes that know none."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tests.volumes.refusing import refusing, run, start
from volumes.locks import FileLock, has_record_locks

CODES = ("ENOLCK", "ENOSYS", "EBADF", "ENOTSUP", "EINVAL", "EPERM", "EIO", "ENXIO", "EREMOTEIO")


HOLD = """
import sys
from pathlib import Path
from volumes.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.take(), flush=True)
sys.stdin.read()
lock.release()
"""


ASK = """
import sys
from pathlib import Path
from volumes.locks import FileLock
print(FileLock(Path(sys.argv[1])).take())
"""


def kinds() -> list[dict[str, int]]:
    without = [{"flock": getattr(errno, name)} for name in CODES]
    return [{}, *without, {"flock": errno.ENOLCK, "link": errno.EPERM}, {"flock": errno.ENOLCK, "utime": errno.EPERM}]


@pytest.mark.parametrize("codes", kinds(), ids=str)
def test_a_second_process_does_not_get_it_until_the_first_lets_go(tmp_path: Path, codes: dict[str, int]) -> None:
    lock, volume = tmp_path / "x.lock", refusing(**codes)
    holder = start(HOLD, lock, **volume)
    assert holder.stdout
    assert holder.stdout.readline() == "True\n"
    assert run(ASK, lock, **volume) == "False"
    holder.communicate()
    assert run(ASK, lock, **volume) == "True"
    assert [file.name for file in tmp_path.iterdir() if file != lock] == []


@pytest.mark.parametrize("codes", [{}, {"flock": errno.ENOLCK}, {"flock": errno.ENOLCK, "link": errno.EPERM}], ids=str)
def test_a_killed_holder_is_followed_at_once(tmp_path: Path, codes: dict[str, int]) -> None:
    lock, volume = tmp_path / "x.lock", refusing(**codes)
    for _ in range(3):
        holder = start(HOLD, lock, **volume)
        assert holder.stdout
        assert holder.stdout.readline() == "True\n"
        holder.kill()
        holder.communicate()


def test_whether_the_volume_has_record_locks_is_asked_without_leaving_a_file(tmp_path: Path) -> None:
    assert has_record_locks(tmp_path)
    program = (
        "import sys;from pathlib import Path;from volumes.locks import has_record_locks;"
        "print(has_record_locks(Path(sys.argv[1])))"
    )
    for code in (errno.ENOLCK, errno.EIO, errno.EACCES, errno.EREMOTEIO):
        assert run(program, tmp_path, **refusing(fcntl=code)) == "False"
    assert list(tmp_path.iterdir()) == []


def test_in_one_process_two_exclude_each_other(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "x.lock"), FileLock(tmp_path / "x.lock")
    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    second.release()
