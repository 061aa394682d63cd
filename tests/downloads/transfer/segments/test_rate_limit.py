from __future__ import annotations

import threading

import pytest

from downloads.transfer.segments.rate_limit import ASK_EVERY, RateLimit
from tests.downloads.transfer.conftest import Bringer
from tests.fakehub import FakeHub

MODEL = "vae/a.safetensors"


class Clock(threading.Event):
    """Time that passes only while somebody waits."""

    now = 1000.0

    def wait(self, timeout: float | None = None) -> bool:
        self.now += max(timeout or 0.0, 0.001)  # as a kernel does, which never wakes anybody too early
        return self.is_set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("downloads.transfer.segments.rate_limit.time.monotonic", lambda: clock.now)
    return clock


def test_the_limit_holds_for_all_connections_together_and_changes_while_it_runs(clock: Clock) -> None:
    limits = [1_000_000]
    limit = RateLimit(lambda: limits[0])
    limit.refresh()
    for _ in range(12):
        limit.take(25_000, clock)
    assert clock.now == pytest.approx(1000.3, abs=0.02)

    limits[0] = 100_000
    clock.now += ASK_EVERY
    limit.refresh()
    before = clock.now
    limit.take(210_000, clock)
    assert clock.now - before == pytest.approx(2.0, abs=0.02)  # a burst of a tenth of a second was saved up

    limits[0] = 0
    clock.now += ASK_EVERY
    limit.refresh()
    before = clock.now
    limit.take(50_000_000, clock)
    assert clock.now == before


def test_who_is_leaving_does_not_wait_for_the_limit(clock: Clock) -> None:
    limit = RateLimit(lambda: 1)
    limit.refresh()
    clock.set()
    limit.take(50_000_000, clock)
    assert clock.now <= 1000 + ASK_EVERY


def test_every_byte_of_a_limited_transfer_passes_the_limit(
    hub: FakeHub, bring: Bringer, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    monkeypatch.setattr(RateLimit, "take", lambda self, count, leaving: taken.append(count))
    file = hub.add_file("org/repo", MODEL, size=4_000_000)
    assert bring(file, rate_limit=lambda: 8_000_000).published
    assert sum(taken) == 4_000_000
