"""The parts of the supervisor that need no processes."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from comfydash.serve import children, disk_reserve, log_setup
from comfydash.serve.children import Child, how_it_ended
from comfydash.serve.folders import keep_private, remake_queue_if_broken
from comfydash.serve.heartbeat import Heartbeat
from comfydash.serve.locks import RoleLock
from comfydash.serve.ports import listen, url, who_listens
from comfydash.serve.trouble import CannotStart


def test_the_delay_grows_to_half_a_minute_and_starts_again_after_a_healthy_life(monkeypatch):
    child = Child("worker")
    child.started = time.monotonic()
    assert [child.schedule_restart() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    child.started = time.monotonic() - children.HEALTHY_AFTER - 1
    assert child.schedule_restart() == 1


@pytest.mark.parametrize(
    ("status", "reason", "sentence"),
    [
        (-9, "", "it was killed by signal 9 (Killed)"),
        (3, "", "it ended with status 3"),
        (-9, "it had not moved for 60 s and was killed", "it had not moved for 60 s and was killed"),
    ],
)
def test_how_a_child_ended(status, reason, sentence):
    assert how_it_ended(status, reason) == sentence


def test_a_lock_belongs_to_one_and_says_to_whom(tmp_path):
    first, second = RoleLock(tmp_path, "web"), RoleLock(tmp_path, "web")
    first.take()
    first.sign("http://127.0.0.1:8082")
    with pytest.raises(CannotStart, match=rf"process {os.getpid()} on .* \(http://127.0.0.1:8082\), since 20"):
        second.take()
    assert not second.is_free()
    assert RoleLock(tmp_path, "worker").is_free()
    first.release()
    assert second.is_free()
    second.take()
    second.release()


class Clock:
    """Stands in for time.monotonic."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    return clock


def look_for(beat: Heartbeat, clock: Clock, seconds: int, touch: bool, jump: float = 0) -> bool:
    """Whether it stood still at any look, one each five seconds."""
    still = False
    for tick in range(seconds // 5):
        clock.now += 5
        if touch:
            moment = 1_700_000_000 + clock.now + jump * (tick % 2)
            os.utime(beat.file, (moment, moment))
        still = still or beat.stands_still()
    return still


def test_a_heart_that_beats_is_left_alone_whatever_the_clock_does(tmp_path, clock):
    beat = Heartbeat(tmp_path / "beat", 5)
    beat.file.touch()
    assert not look_for(beat, clock, 600, touch=True)
    assert not look_for(beat, clock, 600, touch=True, jump=86_400)
    assert not look_for(beat, clock, 600, touch=True, jump=-86_400)


def test_a_heart_that_stands_still_for_half_a_minute_is_seen(tmp_path, clock):
    beat = Heartbeat(tmp_path / "beat", 5)
    beat.file.touch()
    beat.stands_still()
    assert not look_for(beat, clock, 25, touch=False)
    assert look_for(beat, clock, 15, touch=False)


def test_a_worker_that_never_beat_is_seen_too(tmp_path, clock):
    assert look_for(Heartbeat(tmp_path / "missing", 5), clock, 40, touch=False)


def test_our_own_sleep_is_not_held_against_the_worker(tmp_path, clock):
    beat = Heartbeat(tmp_path / "beat", 5)
    beat.file.touch()
    beat.stands_still()
    clock.now += 3600
    assert not beat.stands_still()


def test_the_kernel_chooses_a_port_and_the_next_caller_learns_who_has_it():
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        assert who_listens(port).startswith(f"process {os.getpid()} (")
        with pytest.raises(CannotStart, match=f"Port {port} is taken by process {os.getpid()} "):
            listen("127.0.0.1", port)
        with pytest.raises(CannotStart, match=f"Port {port} is taken"):
            listen("0.0.0.0", port)


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("203.0.113.7", "is not an address of this machine"),
        ("no such name", "is no address of this machine"),
        ("a" * 300, "is no address of this machine"),
    ],
)
def test_an_address_that_is_not_ours(host, sentence):
    with pytest.raises(CannotStart, match=sentence):
        listen(host, 0)


def test_both_families_are_heard_on_the_wildcard():
    with listen("::", 0) as listener:
        port = listener.getsockname()[1]
        socket.create_connection(("127.0.0.1", port)).close()
        socket.create_connection(("::1", port)).close()


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", "http://127.0.0.1:1"), ("0.0.0.0", "http://127.0.0.1:1"), ("::1", "http://[::1]:1")],
)
def test_the_address_for_a_browser(host, expected):
    assert url(host, 1) == expected


def test_a_sound_queue_file_stays_and_a_broken_one_goes(tmp_path: Path):
    file = tmp_path / "queue.db"
    remake_queue_if_broken(file)
    assert not file.exists()
    file.write_bytes(b"")
    remake_queue_if_broken(file)
    assert file.exists()
    file.write_bytes(b"rubbish" * 1000)
    (tmp_path / "queue.db-wal").touch()
    remake_queue_if_broken(file)
    assert list(tmp_path.iterdir()) == []


def test_ballast_is_kept_while_there_is_room_and_given_up_for_the_start_of_a_full_disk(tmp_path, monkeypatch):
    def free(count: int) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=count))

    free(2**40)
    disk_reserve.make_or_drop(tmp_path)
    assert (tmp_path / "ballast").stat().st_size == disk_reserve.SIZE
    free(2**30)
    disk_reserve.make_or_drop(tmp_path)
    assert (tmp_path / "ballast").exists()
    free(0)
    disk_reserve.make_or_drop(tmp_path)
    assert list(tmp_path.iterdir()) == []
    disk_reserve.make_or_drop(tmp_path)
    disk_reserve.make_or_drop(tmp_path / "not there")


def test_files_with_secrets_are_private_before_anything_is_in_them(tmp_path):
    (tmp_path / "dashboard.db").touch(mode=0o644)
    keep_private(tmp_path)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
    assert modes == {"dashboard.db": "0o600", "queue.db": "0o600"}


def test_a_log_that_has_grown_is_moved_aside(tmp_path, monkeypatch):
    monkeypatch.setattr(log_setup, "LARGEST", 10)
    file = tmp_path / "comfydash.log"
    for number in range(8):
        file.write_text(f"{number}, and more than ten bytes")
        log_setup.rotate(file)
    names = {path.name: path.read_text()[0] for path in tmp_path.iterdir()}
    assert names == {f"comfydash.log.{n}": str(8 - n) for n in range(1, 6)}
    file.write_text("short")
    log_setup.rotate(file)
    assert file.exists()
