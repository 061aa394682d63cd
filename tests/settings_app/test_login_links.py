"""A link lets in once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from settings_app import login_links
from settings_app.models import LoginLink
from tests.settings_app.conftest import a_browser, logged_in

pytestmark = pytest.mark.django_db


def test_looking_at_a_link_changes_nothing(client):
    path = login_links.create()
    for _ in range(2):
        page = client.get(path)
        assert page.status_code == 200 and page.content.count(b"<button") >= 1
    assert not logged_in(client)
    assert client.post(path).url == "/settings/#access"
    assert logged_in(client)


def test_a_link_works_once():
    path = login_links.create()
    first, second = a_browser(), a_browser()
    first.post(path)
    assert second.post(path).status_code == 410
    assert logged_in(first) and not logged_in(second)
    assert second.get(path).status_code == 410


def test_a_link_expires(client):
    path = login_links.create()
    LoginLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.post(path).status_code == 410
    LoginLink.objects.update(expires_at=timezone.now() + timedelta(days=1))  # made before the clock was set back
    assert client.post(path).status_code == 410


@pytest.mark.parametrize("minutes", [-40, -3, 3])
def test_a_link_of_a_machine_whose_clock_is_off_is_as_good_as_any(monkeypatch, minutes):
    now = timezone.now
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(timezone, "now", lambda: now() + timedelta(minutes=minutes))
        token = login_links.create().split("/")[-2]
    assert login_links.is_open(token)
    assert login_links.use(token)


def test_only_the_hash_of_a_link_is_kept():
    token = login_links.create().split("/")[-2]
    assert token not in LoginLink.objects.get().token_hash


def test_an_invented_link_is_none(client):
    assert client.get("/login/link/x/").status_code == 410
    assert client.post("/login/link/x/").status_code == 410


def test_with_a_password_set_the_link_leads_home(client, password):
    assert client.post(login_links.create()).url == "/"


@pytest.mark.parametrize(
    ("host", "origins", "pod", "address"),
    [
        ("127.0.0.1", [], "", "http://127.0.0.1:8082"),
        ("0.0.0.0", [], "", "http://127.0.0.1:8082"),
        ("::", [], "", "http://[::1]:8082"),
        ("fd00::1", [], "", "http://[fd00::1]:8082"),
        ("0.0.0.0", [], "pod1", "https://pod1-8082.proxy.runpod.net"),
        ("0.0.0.0", ["https://dash.example"], "pod1", "https://dash.example"),
    ],
)
def test_the_address_is_the_one_a_browser_would_use(settings, host, origins, pod, address):
    settings.CSRF_TRUSTED_ORIGINS, settings.RUNPOD_POD_ID = origins, pod
    assert login_links.base_url(host, 8082) == address
