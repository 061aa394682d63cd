from __future__ import annotations

import threading
import time

from downloads.transfer.segments.rate_limit import RateLimit
from tests.downloads.transfer.conftest import Bringer
from tests.fakehub import FakeHub

MODEL = "vae/a.safetensors"


def test_the_limit_holds_for_all_connections_together_and_changes_while_it_runs() -> None:
    limits = [1_000_000]
    limit = RateLimit(lambda: limits[0])
    limit.refresh()
    leaving = threading.Event()
    started = time.monotonic()

    def take_four() -> None:
        for _ in range(4):
            limit.take(25_000, leaving)

    threads = [threading.Thread(target=take_four) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started > 0.15
    leaving.set()
    limit.take(50_000_000, leaving)


def test_a_limited_transfer_takes_its_time(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=4_000_000)
    started = time.monotonic()
    brought = bring(file, rate_limit=lambda: 8_000_000)
    assert brought.published
    assert time.monotonic() - started > 0.35
