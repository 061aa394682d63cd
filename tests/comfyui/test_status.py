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


def test_pages_ask_comfyui_nothing(comfy: FakeComfy, watched: Poller, admin_browser: Browser) -> None:
    watched.step()
    comfy.hang()
    asked = len(comfy.log)
    for page in ("/generate/", "/generate/status/", "/settings/", "/", "/api/comfyui/status"):
        assert admin_browser.get(page).status_code == 200, page
    assert len(comfy.log) == asked
