"""A ComfyUI with a long life and heavy workflows: nothing is asked whole, nothing is missed, nothing is told twice."""

import json
import uuid
from typing import Any

import pytest

from activity.models import Activity
from comfyui.models import Generation
from comfyui.poller import Poller
from tests.comfyui.conftest import endings
from tests.fakecomfy import GRAPH, FakeComfy

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

HEAVY: dict[str, Any] = {"extra_pnginfo": {"workflow": {"nodes": ["x" * 1000] * 170}}}  # about 170 kB as JSON


def fill(fake: FakeComfy, count: int) -> None:
    for _ in range(count):
        fake.jobs.put(str(uuid.uuid4()), GRAPH, HEAVY)
        fake.jobs.start()
        fake.jobs.finish()


def settle(poller: Poller, rounds: int = 12) -> None:
    for _ in range(rounds):
        poller.step()


def test_ten_thousand_in_the_history_are_read_once_and_without_graphs(comfy: FakeComfy, watched: Poller) -> None:
    fill(comfy, 10_000)
    watched.step()
    assert Generation.objects.count() == 10_000
    assert Activity.objects.filter(type="generation").count() == 0
    assert watched._client is not None
    assert watched._client.bytes < 5_000_000
    before = len(comfy.log)
    settle(watched, 3)
    assert not any("offset" in request.path for request in comfy.log[before:])
    comfy.jobs.run(str(uuid.uuid4()))
    settle(watched, 2)
    assert endings() == ["completed"]


def test_the_older_version_never_gives_its_whole_history(older: FakeComfy, watched_older: Poller) -> None:
    fill(older, 2_000)
    watched_older.step()
    assert all("max_items" in request.path for request in older.asked("/history"))
    assert watched_older._client is not None
    assert watched_older._client.bytes < 30_000_000
    fill(older, 3)
    settle(watched_older, 3)
    assert endings() == ["completed"] * 3


def test_the_one_that_ended_behind_five_hundred_pending_is_found(comfy: FakeComfy, watched: Poller) -> None:
    watched.step()
    first = str(uuid.uuid4())
    comfy.jobs.put(first, GRAPH, HEAVY)
    comfy.jobs.start()
    for _ in range(500):
        comfy.jobs.put(str(uuid.uuid4()), GRAPH, HEAVY)
    watched.step()
    comfy.jobs.finish()
    watched.step()
    assert endings() == ["completed"]
    assert Generation.objects.filter(state=Generation.State.PENDING).count() == 500


def test_a_queue_too_heavy_to_be_read_loses_nobody(older: FakeComfy, watched_older: Poller) -> None:
    watched_older.step()
    for _ in range(5):
        older.jobs.put(str(uuid.uuid4()), GRAPH, HEAVY)
    watched_older.step()
    older.fixed["/queue"] = (200, json.dumps({"queue_pending": ["x" * 1_000_000] * 70}).encode())
    older.jobs.start()
    older.jobs.finish()
    settle(watched_older, 3)
    assert endings() == ["completed"]
    assert Generation.objects.filter(state=Generation.State.PENDING).count() == 4
    older.fixed.clear()
    settle(watched_older, 2)
    assert endings() == ["completed"]


def test_a_history_entry_larger_than_we_read_is_told_without_its_files(comfy: FakeComfy, watched: Poller) -> None:
    watched.step()
    comfy.jobs.put(str(uuid.uuid4()), GRAPH, {"extra_pnginfo": {"workflow": {"nodes": ["x" * 1_000_000] * 20}}})
    comfy.jobs.start()
    watched.step()
    comfy.jobs.finish()
    settle(watched, 3)
    assert endings() == ["completed"]
    assert Activity.objects.get(status="completed").title == "Generation completed"


def test_hundreds_in_the_meantime_are_read_in_rounds(comfy: FakeComfy, watched: Poller) -> None:
    watched.step()
    for _ in range(250):
        comfy.jobs.run(str(uuid.uuid4()))
    before = len(comfy.log)
    watched.step()
    assert len(comfy.log) - before < 120
    settle(watched, 4)
    assert endings() == ["completed"] * 250
