from django.test import Client as Browser

from comfyui.poller import Poller
from tests.fakecomfy import FakeComfy


def test_the_api_tells_the_status(comfy: FakeComfy, watched: Poller, admin_browser: Browser) -> None:
    watched.step()
    found = admin_browser.get("/api/comfyui/status").json()
    checked_at = found.pop("checked_at")
    assert checked_at
    assert found == {
        "state": "up",
        "version": "0.33.0",
        "device": "CPU",
        "queue_remaining": 0,
        "detail": "",
        "url": comfy.url,
    }


def test_without_login_nothing_is_told(db: None) -> None:
    assert Browser(headers={"host": "localhost"}).get("/api/comfyui/status").status_code == 401
    assert Browser(headers={"host": "localhost"}).get("/generate/").status_code == 302
