"""One holder at a time, with the kernel's locks and on volumes that know none."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from tests.volumes.refusing import refusing, run, start
from volumes.locks import DEAD_SECONDS, HELD, FileLock, has_record_locks

CODES = ("ENOLCK", "ENOSYS", "EBADF", "ENOTSUP", "EINVAL", "EPERM")
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
# Each adds one to a number that it reads and writes, as nobody could do without a lock.
COUNT = """
import sys
from pathlib import Path
from volumes.locks import FileLock
number = Path(sys.argv[1] + ".number")
sys.stdin.readline()
for _ in range(20):
    with FileLock(Path(sys.argv[1])):
        before = int(number.read_text() or 0)
        number.write_text(str(before + 1))
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


def test_many_who_find_a_dead_holder_take_turns(tmp_path: Path) -> None:
    lock, volume = tmp_path / "x.lock", refusing(flock=errno.ENOLCK)
    (tmp_path / "x.lock.number").write_text("0")
    dead = start(HOLD, lock, **volume)
    assert dead.stdout
    assert dead.stdout.readline() == "True\n"
    dead.kill()
    dead.communicate()
    counters = [start(COUNT, lock, **volume) for _ in range(6)]
    for counter in counters:
        assert counter.stdin
        counter.stdin.write("go\n")
        counter.stdin.flush()
    for counter in counters:
        counter.communicate(timeout=90)
    assert (tmp_path / "x.lock.number").read_text() == "120"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["x.lock", "x.lock.number"]


def test_a_holder_on_another_machine_is_believed_while_it_touches_its_file(tmp_path: Path) -> None:
    held = tmp_path / f"x.lock{HELD}"
    note = {"token": "t", "machine": "another boot", "pid": os.getpid(), "started": "1", "host": "pod-2"}
    held.write_text(json.dumps(note))
    assert not FileLock(tmp_path / "x.lock").take()
    old = held.stat().st_mtime - DEAD_SECONDS - 5
    os.utime(held, (old, old))
    lock = FileLock(tmp_path / "x.lock")
    assert lock.take()
    lock.release()
    assert not held.exists()


def test_a_number_that_another_process_has_by_now_is_no_holder(tmp_path: Path) -> None:
    """Numbers of processes come round: the start time tells them apart."""
    program = "import json;from volumes.locks import Holder;print(json.dumps(vars(Holder.this_process())))"
    note = json.loads(run(program)) | {"pid": os.getpid()}
    (tmp_path / f"x.lock{HELD}").write_text(json.dumps(note))
    assert FileLock(tmp_path / "x.lock").take()


def test_whether_the_volume_has_record_locks_is_asked_without_leaving_a_file(tmp_path: Path) -> None:
    assert has_record_locks(tmp_path)
    program = (
        "import sys;from pathlib import Path;from volumes.locks import has_record_locks;"
        "print(has_record_locks(Path(sys.argv[1])))"
    )
    assert run(program, tmp_path, **refusing(fcntl=errno.ENOLCK)) == "False"
    assert list(tmp_path.iterdir()) == []


def test_in_one_process_two_exclude_each_other(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "x.lock"), FileLock(tmp_path / "x.lock")
    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    second.release()
