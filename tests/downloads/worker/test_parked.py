"""Parked installs and a Hub that says "later": nobody sleeps for it, and a saved token does not wait behind it."""

from __future__ import annotations

import time

import pytest

from downloads.inventory import remote
from downloads.models import DownloadHistory, Status
from downloads.transfer import Stopped, TransferError
from downloads.worker import host_pauses
from downloads.worker import parked as waiting
from settings_app.hub_token import save_token
from tests.downloads.makers import make_install

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "hf_" + "a" * 30


@pytest.fixture(autouse=True)
def _no_memory_of_other_tests():
    host_pauses.forget()
    yield
    host_pauses.forget()


@pytest.fixture(autouse=True)
def never_sleeps(monkeypatch):
    """Any pause longer than a tick would be one that a host asked for."""
    slept: list[float] = []
    sleep = time.sleep

    def noted(seconds: float) -> None:
        slept.append(seconds)
        sleep(min(seconds, 0.01))

    monkeypatch.setattr(time, "sleep", noted)
    yield
    assert max(slept, default=0) <= 0.5


def parked(hub, number: int) -> DownloadHistory:
    file = hub.add_file(f"org/repo{number}", "a.safetensors", size=3000, gated=True)
    row = make_install(status=Status.WAITING, reason="licence_required")
    row.files.update(url=file.url)
    return row


@pytest.mark.parametrize(
    "headers", [{"Retry-After": "900"}, {"Retry-After": "0"}, {"RateLimit": '"resolvers";r=0;t=300'}]
)
def test_a_host_that_says_later_is_asked_once_in_a_round(headers, hub, models):
    save_token(TOKEN)
    rows = [parked(hub, number) for number in range(30)]
    hub.fault(origin="hub", status=429, headers=headers)
    assert waiting.look_again() == 0
    asked = len(hub.asked("resolve"))
    assert asked <= (1 if headers.get("Retry-After") != "0" else waiting.MOST_ASKED)
    assert all(row.status == Status.WAITING for row in DownloadHistory.objects.all())
    assert DownloadHistory.objects.filter(reason="licence_required").count() == len(rows)


def test_a_host_that_says_later_is_left_alone_in_the_next_rounds_but_not_by_a_saved_token(hub, models):
    for number in range(3):
        parked(hub, number)
    save_token(TOKEN)
    hub.fault(origin="hub", status=429, headers={"Retry-After": "900"})
    waiting.look_again()
    waiting.look_again()
    assert len(hub.asked("resolve")) == 1
    hub.heal()
    hub.token(TOKEN, accepted={f"org/repo{number}" for number in range(3)})
    assert waiting.look_again(now=True) == 3


def test_rows_of_other_hosts_go_on(hub, models):
    for number in range(3):
        parked(hub, number)
    other = make_install(status=Status.WAITING, reason="licence_required")
    other.files.update(url=hub.add_document("b.safetensors", size=3000).url)
    hub.fault(origin="hub", path="repo", status=503, headers={"Retry-After": "900"})
    assert waiting.look_again() == 1
    other.refresh_from_db()
    assert other.status == Status.QUEUED


def test_a_round_asks_about_few_installs_and_each_gets_its_turn(hub, models, settings):
    save_token(TOKEN)
    hub.token(TOKEN)
    for number in range(waiting.MOST_ASKED + 5):
        parked(hub, number)
    assert waiting.look_again() == 0
    assert len({line.path for line in hub.asked("resolve")}) == waiting.MOST_ASKED
    waiting.look_again()
    assert len({line.path for line in hub.asked("resolve")}) == waiting.MOST_ASKED + 5


def test_a_saved_token_wakes_all_at_once_however_many_there_are(hub, models):
    for number in range(waiting.MOST_ASKED + 5):
        parked(hub, number)
    hub.token(TOKEN, accepted={f"org/repo{number}" for number in range(waiting.MOST_ASKED + 5)})
    save_token(TOKEN)
    assert waiting.look_again(now=True) == waiting.MOST_ASKED + 5


def test_a_host_that_is_silent_costs_its_time_once_and_not_that_of_the_others(hub, models, monkeypatch):
    monkeypatch.setattr(waiting, "ROW_SECONDS", 0.5)
    for number in range(8):
        row = make_install(status=Status.WAITING, reason="licence_required")
        row.files.update(url=hub.add_document(f"slow/{number}.safetensors", size=3000).url)
    free = make_install(status=Status.WAITING, reason="licence_required")
    free.files.update(url=hub.add_file("org/free", "a.safetensors", size=3000).url)
    hub.fault("slow", latency=20.0)
    assert waiting.look_again(now=True) == 1
    assert len(hub.asked("slow")) <= 1
    free.refresh_from_db()
    assert free.status == Status.QUEUED


def test_a_host_that_never_answers_holds_a_round_for_a_bounded_time(hub, models, monkeypatch):
    monkeypatch.setattr(waiting, "ROW_SECONDS", 0.3)
    monkeypatch.setattr(waiting, "ROUND_SECONDS", 0.7)
    for number in range(10):
        parked(hub, number)
    hub.fault(origin="hub", latency=20.0)
    assert waiting.look_again() == 0
    assert len(hub.asked("resolve")) <= 4


def test_a_token_saved_meanwhile_ends_the_round(hub, models, monkeypatch):
    round_ = waiting.Round()
    assert round_.begin_row()
    save_token(TOKEN)
    round_._looked -= 2
    with pytest.raises(Stopped):
        hub.fault(latency=5.0)
        remote.ask_briefly([hub.add_file("org/x", "a.safetensors", size=3000).url], round_.tick)
    assert not round_.begin_row()


def test_asking_briefly_says_how_long_the_host_wants_to_be_left_alone(hub, models):
    file = hub.add_file("org/x", "a.safetensors", size=3000)
    hub.fault(origin="hub", status=429, headers={"Retry-After": "600"})
    answer = remote.ask_briefly([file.url])[file.url]
    assert isinstance(answer, TransferError)
    assert (answer.wait, answer.retry, len(hub.asked())) == (600.0, True, 1)
