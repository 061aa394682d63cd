from __future__ import annotations

import os

import pytest

from comfydash.serve.heartbeat import Heartbeat


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
