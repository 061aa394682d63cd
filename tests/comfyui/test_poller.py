"""One poller, whatever the number of processes; never in the way, and it says what it sees."""

import threading
import time
from pathlib import Path

import pytest
from django.test import Client as Browser

from comfyui import poller, status
from comfyui.models import ComfyState, PollerLease
from comfyui.poller import AWAY, IDLE, Poller
from settings_app import preferences
from tests.fakecomfy import FakeComfy


def test_it_says_what_it_sees(comfy: FakeComfy, watched: Poller) -> None:
    assert status.current().state == "unknown"
    watched.step()
    now = status.current()
    assert (now.state, now.version, now.device, now.queue_remaining) == ("up", "0.33.0", "CPU", 0)
    assert now.memory == "24.5 GB of 25.3 GB RAM free"


def test_a_graphics_card_is_named_without_its_allocator(comfy: FakeComfy, watched: Poller) -> None:
    comfy.gpu = True
    watched.step()
    now = status.current()
    assert (now.device, now.memory) == ("NVIDIA GeForce RTX 4090", "24.5 GB of 25.3 GB VRAM free")


def test_older_versions_are_read_too(older: FakeComfy, watched_older: Poller) -> None:
    watched_older.step()
    assert (ComfyState.get().version, ComfyState.get().frontend) == ("0.3.64", "1.27.10")


def test_it_goes_away_and_comes_back(comfy: FakeComfy, watched: Poller) -> None:
    watched.step()
    comfy.stop()
    waits = [watched.step() for _ in range(5)]
    assert waits == [*AWAY, AWAY[-1]]
    gone = status.current()
    assert (gone.state, gone.version, gone.queue_remaining) == ("down", "0.33.0", None)
    comfy.start()
    assert watched.step() >= IDLE
    assert status.current().is_up


@pytest.mark.parametrize(
    ("attribute", "value", "state"),
    [("html", True, "not_comfyui"), ("login", ("ann", "secret"), "login")],
)
def test_other_things_on_the_port(comfy: FakeComfy, watched: Poller, attribute: str, value: object, state: str) -> None:
    setattr(comfy, attribute, value)
    watched.step()
    assert (status.current().state, bool(status.current().sentence)) == (state, True)


def test_what_hangs_is_slow(comfy: FakeComfy, db: None) -> None:
    preferences.store("comfyui_url", comfy.url)
    comfy.hang()
    hasty = Poller(read=0.2)
    hasty.step()
    hasty.close()
    assert status.current().state == "slow"


def test_idle_it_asks_little(comfy: FakeComfy, watched: Poller) -> None:
    comfy.jobs.run("a")
    for _ in range(3):
        watched.step()
    before = len(comfy.log)
    watched.step()
    assert [request.path for request in comfy.log[before:]] == ["/api/jobs?limit=1"]


@pytest.mark.django_db(transaction=True)
def test_the_thread_ends_when_told_and_gives_its_lease_back(comfy: FakeComfy) -> None:
    preferences.store("comfyui_url", comfy.url)
    stop = threading.Event()
    poller.start(stop)
    poller.start(stop)
    deadline = time.monotonic() + 20
    while not comfy.asked("/system_stats") and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    poller.wait_for_end(20)
    assert [thread.name for thread in threading.enumerate()].count("comfyui") == 0
    assert len(comfy.asked("/system_stats")) == 1
    assert PollerLease.objects.get().holder == ""


def test_credentials_appear_nowhere(
    comfy: FakeComfy, db: None, monkeypatch: pytest.MonkeyPatch, admin_browser: Browser, tmp_path: Path
) -> None:
    comfy.login = ("ann", "hush-hush")
    monkeypatch.setenv("COMFYUI_URL", f"http://ann:hush-hush@127.0.0.1:{comfy.port}")
    preferences.forget()
    watching = Poller()
    watching.step()
    watching.close()
    assert status.current().is_up
    pages = ["/", "/settings/", "/generate/", "/activity/", "/api/settings", "/api/comfyui/status"]
    for page in pages:
        response = admin_browser.get(page)
        assert response.status_code == 200
        assert "hush" not in response.content.decode(), page
    assert "hush" not in str(list(ComfyState.objects.values()))
