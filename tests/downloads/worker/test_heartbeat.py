"""A worker whose install hangs keeps silent, so that the supervisor replaces it; one that is merely slow does not."""

from __future__ import annotations

import os
import socket
from datetime import timedelta

import pytest
from django.utils import timezone

from downloads.worker import heartbeat
from downloads.workers import Worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch, settings, tmp_path):
    """Stands in for time.monotonic; nothing runs at the begin and at the end."""
    settings.DATA_DIR = tmp_path

    class Clock:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(heartbeat, "time", clock)
    heartbeat.idle()
    yield clock
    heartbeat.idle()


def beats(settings) -> tuple[bool, bool]:
    """Whether it touches file and row now."""
    file = settings.DATA_DIR / "worker.heartbeat"
    file.unlink(missing_ok=True)
    Worker.objects.all().delete()
    heartbeat.beat()
    return file.exists(), Worker.objects.exists()


BOTH, NEITHER = (True, True), (False, False)


def test_an_idle_worker_beats_for_ever(clock, settings):
    clock.now += 1_000_000
    assert beats(settings) == BOTH


def test_bytes_that_stand_still_for_a_minute_silence_it_and_a_tick_revives_it(clock, settings):
    heartbeat.working(heartbeat.HUNG_AFTER)
    clock.now += 59
    assert beats(settings) == BOTH
    clock.now += 2
    assert beats(settings) == NEITHER
    heartbeat.working(heartbeat.HUNG_AFTER)
    assert beats(settings) == BOTH


def test_a_look_at_a_slow_volume_may_take_two_minutes(clock, settings):
    heartbeat.working(heartbeat.HUNG_AFTER)
    heartbeat.working()
    clock.now += 119
    assert beats(settings) == BOTH
    clock.now += 2
    assert beats(settings) == NEITHER


def test_a_worker_is_named_and_one_that_was_not_seen_for_a_day_is_forgotten(clock, settings):
    heartbeat.touch_row()
    own = Worker.objects.get()
    assert (own.host, own.pid, own.version) == (socket.gethostname(), os.getpid(), settings.VERSION)
    day_ago = own.seen_at - timedelta(days=1, seconds=1)
    Worker.objects.update(name="gone", seen_at=day_ago)

    heartbeat.touch_row()

    assert [worker.name for worker in Worker.objects.all()] == [heartbeat.NAME]


def test_workers_live_by_the_clock_of_the_database(clock, settings):
    heartbeat.touch_row()
    assert heartbeat.worker_status()["alive"]
    for elsewhere in (timedelta(minutes=-3), timedelta(minutes=3)):
        moment = timezone.now() + elsewhere
        Worker.objects.update(seen_at=moment)
        assert heartbeat.worker_status() == {"alive": False, "seen_at": moment.isoformat().replace("+00:00", "Z")}
        heartbeat.touch_row()
        assert heartbeat.worker_status()["alive"]
