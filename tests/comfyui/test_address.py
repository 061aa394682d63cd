"""Where links lead: to the host that the browser used for us, because ComfyUI refuses cross-site visitors."""

import pytest
from django.test import override_settings

from comfyui import address
from settings_app import preferences

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh():
    preferences.forget()


@pytest.mark.parametrize(
    ("url", "host", "link"),
    [
        ("http://127.0.0.1:8188", "localhost:8082", "http://localhost:8188"),
        ("http://127.0.0.1:8188", "127.0.0.1:8082", "http://127.0.0.1:8188"),
        ("http://localhost:8188", "192.168.1.5:8082", "http://192.168.1.5:8188"),
        ("http://[::1]:8188/comfy", "[fe80::1]:8082", "http://[fe80::1]:8188/comfy"),
        ("http://comfyui:8188", "nas.local:8082", "http://nas.local:8188"),
        ("http://gpu.example:8188", "localhost:8082", "http://gpu.example:8188"),
        ("http://10.0.0.7:8188", "localhost:8082", "http://10.0.0.7:8188"),
        ("http://127.0.0.1", "localhost", "http://localhost:80"),
    ],
)
def test_the_link_takes_the_host_the_browser_used(url: str, host: str, link: str) -> None:
    preferences.store("comfyui_url", url)
    assert address.browser_base(host) == link


def test_the_public_address_overrides() -> None:
    preferences.store("comfyui_public_url", "https://comfy.example/ui")
    assert address.browser_base("localhost:8082") == "https://comfy.example/ui"


@override_settings(RUNPOD_POD_ID="abc123")
def test_a_pods_proxy_has_a_name_per_port() -> None:
    assert address.browser_base("abc123-8082.proxy.runpod.net") == "https://abc123-8188.proxy.runpod.net"
    assert address.browser_base("evil9-8082.proxy.runpod.net") == "http://evil9-8082.proxy.runpod.net:8188"


def test_credentials_of_the_environment_are_kept_from_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYUI_URL", "https://ann:secret@gpu.example:8443/c/")
    found = address.configured()
    assert preferences.problems() == []
    assert preferences.get("comfyui_url") == "https://gpu.example:8443/c"
    assert (found.base, found.credentials) == ("https://gpu.example:8443/c", ("ann", "secret"))
    assert "secret" not in repr(found) + address.browser_base("localhost:8082")
