"""A file that is held instead of a lock: who holds it, and when its holder counts as dead."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from tests.volumes.refusing import refusing, run, start
from volumes import held_file
from volumes.held_file import DEAD_SECONDS, HELD
from volumes.locks import FileLock

HOLD = """
import sys
from pathlib import Path
from volumes.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.take(), flush=True)
sys.stdin.read()
lock.release()
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


# Holds it as a process of another machine, whose clock is wrong by so many seconds.
HOLD_FAR = """
import os, sys
from pathlib import Path
from volumes import held_file, locks
held_file._machine = lambda: "another boot"
held_file.BEAT_SECONDS = 0.05
off = float(sys.argv[2])
def touch(file):
    beaten = file.stat().st_mtime
    os.utime(file, (beaten + 1, beaten + 1))
held_file.touch = touch
lock = locks.FileLock(Path(sys.argv[1]))
assert lock.take()
at = lock.held_file.stat().st_mtime + off
os.utime(lock.held_file, (at, at))
print("held", flush=True)
sys.stdin.read()
"""


# Waits for a silent holder, with all times a hundred times shorter.
WAIT = """
import sys
from pathlib import Path
from volumes import held_file, locks
held_file.DEAD_SECONDS, held_file.WATCH_SECONDS = 0.6, 0.3
held_file.PATIENCE_SECONDS, held_file.BEAT_SECONDS = 60.0, 0.05
lock = locks.FileLock(Path(sys.argv[1]))
print(lock.take() or (lock.may_be_silent() and lock.take_from_silent()))
"""


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


def leave(held: Path, *, age: float = 0.0) -> None:
    """What a process of another machine left, touched last ``age`` seconds ago by the volume's clock."""
    note = {"token": "t", "machine": "another boot", "pid": os.getpid(), "started": "1", "host": "pod-2"}
    held.write_text(json.dumps(note))
    at = held.stat().st_mtime - age
    os.utime(held, (at, at))


@pytest.mark.parametrize("age", [DEAD_SECONDS + 5, 86_400 * 9000, -86_400 * 365], ids=["old", "1970s", "next year"])
def test_a_holder_on_another_machine_is_believed_while_it_touches_its_file(
    tmp_path: Path, age: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_file, "WATCH_SECONDS", 0.2)
    held = tmp_path / f"x.lock{HELD}"
    leave(held)
    assert not FileLock(tmp_path / "x.lock").take()
    leave(held, age=age)
    lock = FileLock(tmp_path / "x.lock")
    assert lock.take()
    lock.release()
    assert not held.exists()


@pytest.mark.parametrize("off", [-7200, 7200])
def test_a_clock_that_jumped_makes_nobody_dead_who_still_beats(tmp_path: Path, off: int) -> None:
    volume = refusing(flock=errno.ENOLCK)
    holder = start(HOLD_FAR, tmp_path / "x.lock", off, **volume)
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    assert run(WAIT, tmp_path / "x.lock", **volume) == "False"
    holder.communicate()


def test_who_starts_waits_for_the_sign_of_life_of_a_holder_on_another_machine(tmp_path: Path) -> None:
    volume = refusing(flock=errno.ENOLCK)
    leave(tmp_path / f"x.lock{HELD}")
    assert run(WAIT, tmp_path / "x.lock", **volume) == "True"
    holder = start(HOLD_FAR, tmp_path / "x.lock", 0, **volume)
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    assert run(WAIT, tmp_path / "x.lock", **volume) == "False"
    holder.communicate()


def test_a_holder_knows_when_it_was_followed_and_comes_back_when_its_file_is_tidied_away(tmp_path: Path) -> None:
    program = """
import json, sys, time
from pathlib import Path
from volumes import held_file, locks
held_file.BEAT_SECONDS = 0.02
lock = locks.FileLock(Path(sys.argv[1]))
assert lock.take()
lock.held_file.unlink()
while not (lock.held_file.exists() and lock.held_file.read_text().endswith("}")):  # made anew, and whole
    time.sleep(0.01)
assert not lock.is_lost
lock.held_file.write_text(json.dumps({"token": "successor", "machine": "another boot"}))
while not lock.is_lost:
    time.sleep(0.01)
lock.release()
print(json.loads(lock.held_file.read_text())["token"])
"""
    assert run(program, tmp_path / "x.lock", **refusing(flock=errno.ENOLCK)) == "successor"


@pytest.mark.parametrize("note", ["", "{", "[]", "null", '{"token": 5}', '{"pid": "../../x"}', '{"token": "../../x"}'])
def test_a_note_that_is_none_is_a_holder_without_a_name(
    tmp_path: Path, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_file, "WATCH_SECONDS", 0.1)
    held = tmp_path / f"x.lock{HELD}"
    held.write_text(note)
    assert not FileLock(tmp_path / "x.lock").take()
    os.utime(held, (5, 5))
    assert FileLock(tmp_path / "x.lock").take()
    assert [file.name for file in tmp_path.iterdir()] == ["x.lock"]


def test_a_disk_that_is_full_leaves_no_holder_without_a_name(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from volumes import held_file, locks
real = os.fdopen
class Full:
    def __enter__(self): return self
    def __exit__(self, *_): os.close(self.number)
    def __init__(self, number): self.number = number
    def write(self, text): raise OSError(28, "No space left on device")
os.fdopen = lambda number, mode: Full(number)
try:
    locks.FileLock(Path(sys.argv[1])).take()
except OSError as error:
    print(error.errno)
"""
    assert run(program, tmp_path / "x.lock", **refusing(flock=errno.ENOLCK)) == "28"
    assert [file.name for file in tmp_path.iterdir()] == ["x.lock"]


def test_a_number_that_another_process_has_by_now_is_no_holder(tmp_path: Path) -> None:
    """Numbers of processes come round: the start time tells them apart."""
    program = "import json;from volumes.held_file import Holder;print(json.dumps(vars(Holder.this_process())))"
    note = json.loads(run(program)) | {"pid": os.getpid()}
    (tmp_path / f"x.lock{HELD}").write_text(json.dumps(note))
    assert FileLock(tmp_path / "x.lock").take()
