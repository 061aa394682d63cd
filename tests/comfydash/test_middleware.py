"""How proxies spell things, and what their probes ask."""

from __future__ import annotations

import pytest
from django.test import Client

from comfydash.hosts import canonical_origin, forwarded_scheme, is_own_origin
from settings_app.administrator import administrator

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> Client:
    owner = Client(SERVER_NAME="localhost", enforce_csrf_checks=True)
    owner.force_login(administrator())
    return owner


@pytest.mark.parametrize(
    ("header", "scheme"),
    [
        ("https", "https"),
        ("HTTPS", "https"),
        ("wss", "https"),
        ("WS", "http"),
        ("https,http", "https"),
        (" wss , http", "https"),
        ('"https"', "https"),
    ],
)
def test_each_spelling_of_the_forwarded_scheme(header, scheme):
    assert forwarded_scheme(header) == scheme


@pytest.mark.parametrize(
    ("origin", "canonical"),
    [
        ("https://Dash.Example:443/", "https://dash.example"),
        ("http://[::1]:8082", "http://[::1]:8082"),
        ("null", None),
        ("", None),
        ("https://a@dash.example", None),
        ("https://dash.example/path", None),
        ("https://dash.example:x", None),
    ],
)
def test_an_origin_has_one_spelling(origin, canonical):
    assert canonical_origin(origin) == canonical


@pytest.mark.parametrize("origin", ["https://x", "https://X", "https://x:443"])
@pytest.mark.parametrize("host", ["x", "X:443"])
def test_the_port_that_belongs_to_the_scheme_may_be_missing(settings, origin, host):
    settings.EXTRA_ALLOWED_HOSTS = ["x"]
    assert is_own_origin(origin, host, https=True)
    assert not is_own_origin(origin, host, https=False)


@pytest.mark.parametrize("word", ["HTTPS", "wss", "https, http"])
def test_no_spelling_of_https_leads_in_a_circle(settings, word):
    settings.SECURE_SSL_REDIRECT, settings.SECURE_PROXY_SSL_HEADER = True, ("HTTP_X_FORWARDED_PROTO", "https")
    answer = Client(SERVER_NAME="localhost").get("/login/", headers={"x-forwarded-proto": word})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("proto=https", 200),
        ('for="[::1]";Proto="HTTPS";by=x, for=b;proto=http', 200),
        ("for=a;proto=wss", 200),
        ("for=a", 301),
        ("for=a;proto=http, for=b;proto=https", 301),
    ],
)
def test_the_header_of_the_standard_counts_where_the_other_is_missing(settings, header, status):
    settings.SECURE_SSL_REDIRECT, settings.SECURE_PROXY_SSL_HEADER = True, ("HTTP_X_FORWARDED_PROTO", "https")
    visitor = Client(SERVER_NAME="localhost")
    assert visitor.get("/login/", headers={"forwarded": header}).status_code == status
    assert visitor.get("/login/", headers={"forwarded": header, "x-forwarded-proto": "http"}).status_code == 301


@pytest.mark.parametrize("path", ["/healthz", "/livez"])
@pytest.mark.parametrize("host", ["evil.example", "a b", ""])
@pytest.mark.parametrize("method", ["get", "head"])
def test_a_probe_comes_with_any_host_and_over_plain_http(settings, path, host, method):
    settings.SECURE_SSL_REDIRECT = True
    answer = getattr(Client(), method)(path, headers={"host": host})
    assert answer.status_code in {200, 503} and answer["Content-Type"] == "application/json"


def test_livez_asks_no_database(django_assert_num_queries, settings):
    settings.AUTH_ON = False
    with django_assert_num_queries(0):
        assert Client().get("/livez").json() == {"status": "ok"}


@pytest.mark.parametrize(
    "path", ["/", "/settings/", "/api/presets/queue/status", "/api/nothing", "/login/", "/nothing/"]
)
def test_no_page_and_no_answer_is_kept(owner, path):
    assert "no-store" in owner.get(path)["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["/api/presets/queue/status", "/api/activity/recent", "/api/openapi.json", "/api/nothing"]
)
def test_head_answers_as_get_without_a_body(owner, path):
    full, head = owner.get(path), owner.head(path)
    assert (head.status_code, head.content) == (full.status_code, b"")
    assert head["Content-Type"] == full["Content-Type"]


def test_head_of_what_is_streamed_says_no_length_that_is_not_so(owner):
    head = owner.head("/api/activity/export?format=csv")
    assert (head.status_code, head.getvalue()) == (200, b"")
    assert head.get("Content-Length") == owner.get("/api/activity/export?format=csv").get("Content-Length")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/settings", "GET, HEAD, PATCH"),
        ("/api/presets/refresh", "POST"),
        ("/api/storage/file", "DELETE"),
    ],
)
def test_options_lists_the_methods_and_permits_no_other_origin(owner, path, allowed):
    answer = owner.options(path, headers={"origin": "https://evil.example"})
    assert (answer.status_code, answer["Allow"], answer.content) == (204, allowed, b"")
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_head_of_what_only_takes_a_post_is_refused(owner):
    assert owner.head("/api/presets/refresh").status_code == 405


def test_who_is_not_logged_in_learns_nothing_by_head():
    assert Client(SERVER_NAME="localhost").head("/api/presets/queue/status").status_code == 401


def test_the_forwarded_host_stays_unbelieved():
    answer = Client(SERVER_NAME="localhost").get("/login/", headers={"x-forwarded-host": "evil.example"})
    assert answer.status_code == 200 and b"evil.example" not in answer.content


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize("body", [b"", b"--x", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n" * 3000])
@pytest.mark.parametrize("path", ["/api/workflows/scan", "/api/workflows/save"])
def test_malformed_multipart_is_400_as_json(path, body, content_type):
    owner = Client(SERVER_NAME="localhost", raise_request_exception=False)
    owner.force_login(administrator())
    answer = owner.generic("POST", path, body, content_type=content_type, CONTENT_TYPE=content_type)
    assert answer.status_code == 400 and answer.json()["detail"]
