"""While an install backs off, its row says until when: a page that is loaded anew shows the same countdown."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from downloads.models import DownloadHistory, Status
from downloads.worker import host_pauses
from downloads.worker.drain import drain_queue
from settings_app.hub_token import save_token
from tests.comfydash.serving import wait_for
from tests.downloads.worker.test_installer import finished, in_background, install
from tests.fakehub import FakeHub

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_worker_writes_it_down_and_a_claim_starts_anew(
    hub: FakeHub, models: Path, admin: Client, settings: Any
) -> None:
    settings.TRANSFER_RETRY_BASE = 3600.0  # the cap makes a minute of it
    row = install(hub.add_file("org/one", "one.safetensors", size=300_000))
    hub.fault("one.safetensors", origin="cdn", status=503)
    worker = in_background(drain_queue)
    wait_for(lambda: DownloadHistory.objects.filter(retry_at__isnull=False), name="the back-off")
    text = admin.get("/downloads/").content.decode()
    assert re.search(r'data-field="speed">Retrying \(2/3\) in (\d\d s|1 min 0 s)<', text)
    assert re.search(r'data-file-field="speed">Retrying \(2/3\) in (\d\d s|1 min 0 s)<', text)

    DownloadHistory.objects.get().pause()
    worker.join(30)
    assert not worker.is_alive()
    hub.heal()
    row.resume()
    drain_queue()
    assert finished(row) == (Status.COMPLETED, "")
    assert row.retry_at is None


def test_a_pause_that_a_host_asks_for_is_explained_and_a_verb_ends_it_at_once(
    hub: FakeHub, models: Path, admin: Client
) -> None:
    row = install(hub.add_file("org/one", "one.safetensors", size=3000))
    hub.fault("one.safetensors", status=429, headers={"Retry-After": "800"})
    worker = in_background(drain_queue)
    wait_for(lambda: DownloadHistory.objects.filter(retry_at__isnull=False), name="the back-off")
    why = "is rate limited and asks to be left alone for 14 min"
    assert why in admin.get("/downloads/").content.decode()
    assert why in admin.get(f"/api/downloads/{row.pk}").json()["error_message"]
    row.pause()
    worker.join(30)
    assert not worker.is_alive()
    row.refresh_from_db()
    assert (row.status, row.error_message) == (Status.PAUSED, "")
    assert len(hub.asked("one.safetensors")) == 1


def test_a_token_that_is_saved_meanwhile_ends_the_pause(hub: FakeHub, models: Path, settings: Any) -> None:
    token = "hf_" + "a" * 30
    row = install(hub.add_file("org/one", "one.safetensors", size=3000))
    limit = hub.fault("one.safetensors", status=429, headers={"Retry-After": "800"})
    worker = in_background(drain_queue)
    wait_for(lambda: DownloadHistory.objects.filter(retry_at__isnull=False), name="the back-off")
    hub.token(token)
    hub.faults.remove(limit)
    save_token(token)
    worker.join(30)
    assert not worker.is_alive()
    assert finished(row) == (Status.COMPLETED, "")
    assert row.error_message == ""
    asked = [line.authorization for line in hub.asked("one.safetensors", origin="hub")]
    assert asked[:2] == ["", f"Bearer {token}"]


def test_what_comes_from_elsewhere_does_not_wait_behind_a_host_that_says_later(
    hub: FakeHub, models: Path, settings: Any
) -> None:
    host_pauses.forget()
    limited = install(hub.add_document("limited.safetensors", size=3000))
    hub.fault("limited", status=429, headers={"Retry-After": "800"})
    worker = in_background(drain_queue)
    wait_for(lambda: DownloadHistory.objects.filter(retry_at__isnull=False), name="the back-off")
    others = [
        install(hub.add_file(f"org/{name}", f"{name}.safetensors", size=3000), preset_id=name)
        for name in ("one", "two")
    ]
    wait_for(lambda: DownloadHistory.objects.filter(status=Status.COMPLETED).count() == 2, name="the others")
    assert [finished(row) for row in others] == [(Status.COMPLETED, ""), (Status.COMPLETED, "")]
    # Alone again, it waits as the running one; whoever looks reads why.
    wait_for(lambda: DownloadHistory.objects.filter(retry_at__isnull=False, status="downloading"), name="its turn")
    limited.refresh_from_db()
    assert "asks to be left alone" in limited.error_message
    limited.cancel()
    worker.join(30)
    assert not worker.is_alive()
    host_pauses.forget()


def test_two_that_wait_for_the_same_host_do_not_take_turns(hub: FakeHub, models: Path) -> None:
    host_pauses.forget()
    first = install(hub.add_document("limited/a.safetensors", size=3000))
    install(hub.add_document("limited/b.safetensors", size=3000), preset_id="B")
    hub.fault("limited", status=429, headers={"Retry-After": "800"})
    worker = in_background(drain_queue)
    wait_for(lambda: DownloadHistory.objects.filter(retry_at__isnull=False), name="the back-off")
    claim = DownloadHistory.objects.get(pk=first.pk).claim
    seen = DownloadHistory.objects.get(pk=first.pk).heartbeat_at or timezone.now()
    wait_for(
        lambda: DownloadHistory.objects.filter(pk=first.pk, heartbeat_at__gt=seen + timedelta(seconds=3)),
        name="some looks",
    )
    assert DownloadHistory.objects.get(pk=first.pk).claim == claim
    assert len(hub.asked("limited")) == 1
    DownloadHistory.objects.get(pk=first.pk).cancel()
    wait_for(lambda: hub.asked("limited/b"), name="the second")
    DownloadHistory.objects.get(status="downloading").cancel()
    worker.join(30)
    assert not worker.is_alive()
    host_pauses.forget()
