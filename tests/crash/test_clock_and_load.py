"""Clocks that jump and queues that are long: nothing sticks, and the picture stays cheap."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from downloads.models import DownloadFile, DownloadHistory, Status
from downloads.queue_status import queue_status
from downloads.worker import parked as waiting
from downloads.worker.drain import drain_queue
from downloads.workers import WorkerState
from settings_app.hub_token import save_token
from tests.downloads.conftest import hub, models  # noqa: F401 - fixtures
from tests.downloads.makers import make_install

JUMPS = [timedelta(days=-1), timedelta(days=1)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("jump", JUMPS, ids=["a day back", "a day ahead"])
def test_times_of_another_clock_stick_nothing(hub, models, jump):  # noqa: F811
    file = hub.add_file("org/one", "one.safetensors", size=300_000, gated=True)
    hub.token("hf_" + "t" * 34, accepted={"org/one"})
    moment = timezone.now() + jump
    WorkerState.objects.update_or_create(pk=WorkerState.ONLY, defaults={"seen_at": moment})
    dead = make_install(Status.DOWNLOADING, heartbeat_at=moment, started_at=moment, queued_at=moment)
    parked = make_install(Status.WAITING, reason="token_required", checked_at=moment, queued_at=moment)
    DownloadFile.objects.filter(download=parked).update(url=file.url)
    save_token("hf_" + "t" * 34)

    drain_queue()
    waiting.look_again(now=True)
    drain_queue()

    dead.refresh_from_db()
    parked.refresh_from_db()
    assert (dead.status, dead.reason) == (Status.FAILED, "interrupted")
    assert (parked.status, parked.reason) == (Status.COMPLETED, "")


@pytest.mark.usefixtures("settings_read_once")
@pytest.mark.django_db
def test_a_thousand_queued_installs_cost_five_queries(django_assert_max_num_queries):
    for _ in range(1000):
        make_install()

    with django_assert_max_num_queries(5):
        picture = queue_status()

    assert (len(picture["queue"]), picture["queue_total"], len(picture["items"])) == (500, 1000, 50)
    assert DownloadHistory.claim_next() is not None
