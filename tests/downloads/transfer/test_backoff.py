from __future__ import annotations

import time

import pytest

from downloads.transfer import Options, Progress, Stopped, TransferError
from downloads.transfer.backoff import Backoff
from webclient.errors import Transient


def test_back_off_doubles_up_to_its_cap_and_can_be_stopped() -> None:
    waits: dict[int, float] = {}

    def tick(progress: Progress) -> bool:
        waits[progress.attempt] = max(waits.get(progress.attempt, 0.0), progress.retry_in)
        return True

    backoff = Backoff(Options(retry_base=0.02, retry_cap=0.05, max_attempts=5, tick_interval=0.01), tick)
    for _ in range(4):
        backoff.after(Transient("It broke. It is tried again."))
    assert [round(wait, 2) for wait in waits.values()] == [0.02, 0.04, 0.05, 0.05]
    with pytest.raises(TransferError, match="Retry continues") as over:
        backoff.after(Transient("It broke. It is tried again."))
    assert (over.value.reason, over.value.retry) == ("network", True)
    with pytest.raises(Stopped):
        Backoff(Options(retry_base=60), lambda progress: False).after(Transient("x"))


def test_pauses_that_hosts_ask_for_are_bounded_all_together_until_bytes_arrive() -> None:
    backoff = Backoff(Options(max_attempts=1, max_waits=1000, retry_base=0), lambda progress: True)
    backoff.after(Transient("busy", wait=0))
    with pytest.raises(Stopped):  # heeded: the tick is asked, and says no
        Backoff(Options(max_attempts=1, max_waits=1000), lambda progress: False).after(Transient("busy", wait=900))
    backoff.held_up._end = time.monotonic() + 5
    with pytest.raises(TransferError):
        backoff.after(Transient("busy", wait=6))
    backoff.progressed()
    backoff.tick = lambda progress: False
    with pytest.raises(Stopped):
        backoff.after(Transient("busy", wait=6))


def test_a_pause_that_is_too_long_counts_as_an_attempt() -> None:
    backoff = Backoff(Options(max_attempts=1), lambda progress: True)
    with pytest.raises(TransferError):
        backoff.after(Transient("busy", wait=3600))
