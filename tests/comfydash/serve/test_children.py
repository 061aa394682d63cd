"""How a child of the supervisor ended, and when it starts again."""

from __future__ import annotations

import time

import pytest

from comfydash.serve import children
from comfydash.serve.children import Child, how_it_ended


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
