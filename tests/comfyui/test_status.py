from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from comfyui import status
from comfyui.models import ComfyState
from comfyui.poller import Poller
from tests.fakecomfy import FakeComfy


def test_nobody_looked_for_a_while(comfy: FakeComfy, watched: Poller) -> None:
    watched.step()
    ComfyState.objects.update(checked_at=timezone.now() - status.STALE * 2)
    assert (status.current().state, status.current().sentence) == ("unknown", status.SENTENCES["stale"])


@pytest.mark.parametrize("minutes", [-10, 10])
def test_what_a_worker_saw_whose_clock_is_off_is_news_all_the_same(
    comfy: FakeComfy, watched: Poller, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    now = timezone.now
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(timezone, "now", lambda: now() + timedelta(minutes=minutes))
        watched.step()
    assert status.current().is_up


def test_pages_ask_comfyui_nothing(comfy: FakeComfy, watched: Poller, admin_browser: Browser) -> None:
    watched.step()
    comfy.hang()
    asked = len(comfy.log)
    for page in ("/generate/", "/generate/status/", "/settings/", "/", "/api/comfyui/status"):
        assert admin_browser.get(page).status_code == 200, page
    assert len(comfy.log) == asked
