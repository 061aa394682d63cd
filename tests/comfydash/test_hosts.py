"""Which Host is ours, and which Origin may open the socket."""

from __future__ import annotations

import pytest

from comfydash.hosts import is_own_host, is_own_origin


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost:8082", True),
        ("127.0.0.1:8082", True),
        ("192.168.1.7:8082", True),
        ("[::1]:8082", True),
        ("dash.localhost", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("", False),
        ("a b", False),
        ("x3f9k2-8082.proxy.runpod.net", True),
        ("x3f9k2-8082.proxy.runpod.net.evil.example", False),
        ("other1-8082.proxy.runpod.net", False),
        ("x3f9k2-evil-1.proxy.runpod.net", False),
        ("dash.example.com", True),
        ("listed.example", True),
    ],
)
def test_own_hosts_are_names_of_this_machine_and_what_the_owner_lists(settings, host, own):
    settings.RUNPOD_POD_ID = "x3f9k2"
    settings.TRUSTED_ORIGINS = ["https://dash.example.com"]
    settings.EXTRA_ALLOWED_HOSTS = ["listed.example"]
    assert is_own_host(host) is own


@pytest.mark.parametrize(
    ("origin", "host", "https", "own"),
    [
        ("http://127.0.0.1:8082", "127.0.0.1:8082", False, True),
        ("http://127.0.0.1:8188", "127.0.0.1:8082", False, False),
        ("https://127.0.0.1:8082", "127.0.0.1:8082", False, False),
        ("https://dash.example.com", "dash.example.com", True, True),
        ("http://evil.example", "evil.example", False, False),
        ("null", "127.0.0.1:8082", False, False),
        ("", "127.0.0.1:8082", False, False),
    ],
)
def test_an_origin_is_ours_only_to_the_port(settings, origin, host, https, own):
    settings.CSRF_TRUSTED_ORIGINS = ["https://dash.example.com"]
    settings.TRUSTED_ORIGINS = ["https://dash.example.com"]
    assert is_own_origin(origin, host, https=https) is own


def test_a_refused_host_reads_which_variable_to_set(client):
    answer = client.get("/login/", headers={"host": "dash.evil.example"})

    assert answer.status_code == 400
    assert "COMFYDASH_ALLOWED_HOSTS" in answer.content.decode()
    assert "dash.evil.example" in answer.content.decode()


@pytest.mark.parametrize(
    ("origin", "own"),
    [
        ("https://a.dash.example", True),
        ("https://b.a.dash.example", True),
        ("http://a.dash.example", False),
        ("https://a.dash.example:8443", False),
        ("https://evildash.example", False),
        ("https://dash.example.evil", False),
    ],
)
def test_a_wildcard_counts_for_host_csrf_and_socket_alike(settings, origin, own):
    from django.http import HttpResponse
    from django.middleware.csrf import CsrfViewMiddleware
    from django.test import RequestFactory

    settings.TRUSTED_ORIGINS = settings.CSRF_TRUSTED_ORIGINS = ["https://*.dash.example"]
    request = RequestFactory().post("/", headers={"origin": origin, "host": "127.0.0.1:8082"})
    assert is_own_origin(origin, "127.0.0.1:8082", https=True) is own
    csrf = CsrfViewMiddleware(lambda request: HttpResponse())
    assert csrf._origin_verified(request) is own  # type: ignore[attr-defined]
    assert is_own_host(origin.partition("://")[2]) is ("a.dash.example" in origin and ".evil" not in origin)
