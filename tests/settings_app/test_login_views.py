"""The ways in: the password, slowed down for guessers, and a link that works once."""

from datetime import timedelta
from importlib import import_module
from ipaddress import ip_network

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from settings_app import administrator, login_links, login_throttle
from settings_app.models import LoginAttempt, LoginLink
from tests.settings_app.conftest import a_browser

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def password() -> str:
    administrator.set_password(PASSWORD)
    return PASSWORD


def logged_in(client: Client) -> bool:
    return client.get("/settings/").status_code == 200


def test_every_page_leads_to_the_login(client):
    answer = client.get("/settings/?change=token")
    assert (answer.status_code, answer.url) == (302, "/login/?next=/settings/%3Fchange%3Dtoken")


@pytest.mark.parametrize(
    ("page", "following"),
    [
        ("http://localhost/models/?q=flux", "/models/%3Fq%3Dflux"),
        ("https://elsewhere.example/models/", "/"),
        ("", "/"),
    ],
)
def test_a_form_that_outlived_its_session_leads_back_to_its_page(client, page, following):
    headers = {"referer": page}
    answer = client.post("/models/FLUX/install/", headers=headers)
    assert (answer.status_code, answer.url) == (302, f"/login/?next={following}")
    answer = client.post("/models/FLUX/install/", headers={**headers, "hx-request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (401, f"/login/?next={following}")


def test_the_password_lets_in_and_back_to_the_page(client, password):
    answer = client.post("/login/", {"password": password, "next": "/activity/"})
    assert (answer.status_code, answer.url) == (302, "/activity/")
    assert logged_in(client)
    assert client.get("/login/?next=/activity/").url == "/activity/"


@pytest.mark.parametrize(
    "next", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example", ""]
)
def test_the_login_leads_nowhere_else(client, password, next):
    assert client.post("/login/", {"password": password, "next": next}).url == "/"


def test_a_wrong_password_does_not(client, password):
    answer = client.post("/login/", {"password": "wrong"})
    assert b"This is not the password" in answer.content
    assert "wrong" not in str(answer.context["error"]).replace("“", "")
    assert not logged_in(client)


def test_without_a_password_the_page_tells_of_the_link(client):
    page = client.get("/login/").content.decode()
    assert "login_link" in page and 'type="password"' not in page
    assert client.post("/login/", {"password": ""}).status_code == 200
    assert not logged_in(client) and not LoginAttempt.objects.exists()


def test_the_environment_password_is_said_to_be_the_one(client, settings):
    settings.PASSWORD = PASSWORD
    assert b"COMFYDASH_PASSWORD" in client.get("/login/").content
    client.post("/login/", {"password": PASSWORD})
    assert logged_in(client)


def test_the_form_is_protected_against_other_sites(password):
    client = a_browser(enforce_csrf_checks=True)
    for path in ("/login/", "/logout/", login_links.create()):
        assert client.post(path, {"password": password}).status_code == 403


def test_the_session_begins_anew_at_the_login(client, password):
    before = import_module(django_settings.SESSION_ENGINE).SessionStore()
    before["planted"] = True
    before.create()
    client.cookies[django_settings.SESSION_COOKIE_NAME] = before.session_key
    client.post("/login/", {"password": password})
    assert client.cookies[django_settings.SESSION_COOKIE_NAME].value != before.session_key


def test_logging_out_ends_the_session(owner):
    key = owner.cookies[django_settings.SESSION_COOKIE_NAME].value
    assert owner.get("/logout/").status_code == 405 and logged_in(owner)
    assert owner.post("/logout/").url == "/login/"
    owner.cookies[django_settings.SESSION_COOKIE_NAME] = key
    assert not logged_in(owner)


def test_the_admin_has_no_login_of_its_own(client):
    assert client.get("/admin/").url == "/admin/login/?next=/admin/"
    assert client.get("/admin/login/?next=/admin/").url == "/login/?next=/admin/"


def test_with_the_login_off_everybody_is_the_administrator(client, settings):
    settings.AUTH_ON = False
    page = client.get("/settings/")
    assert page.status_code == 200 and "COMFYDASH_AUTH=off" in page.content.decode()
    assert client.get("/login/").url == "/"
    client.post("/settings/password/", {"new": PASSWORD, "again": PASSWORD})
    assert administrator.password_source() == ""


# --- Guessing ------------------------------------------------------------------------------------------------------


def guess(client: Client, times: int, address: str = "127.0.0.1") -> list[int]:
    return [client.post("/login/", {"password": "wrong"}, REMOTE_ADDR=address).status_code for _ in range(times)]


def test_after_five_wrong_ones_even_the_right_one_must_wait(client, password):
    assert guess(client, 7) == [200] * 5 + [429] * 2
    answer = client.post("/login/", {"password": password})
    assert answer.status_code == 429 and 0 < int(answer["Retry-After"]) <= 900
    assert "Wait 15 minutes" in answer.content.decode()
    assert LoginAttempt.objects.count() == 5
    assert guess(client, 1, "10.1.1.1") == [200]


def test_the_wait_ends(client, password):
    guess(client, 5)
    LoginAttempt.objects.update(at=timezone.now() - login_throttle.WINDOW - timedelta(seconds=1))
    client.post("/login/", {"password": password})
    assert logged_in(client)
    assert not LoginAttempt.objects.exists()


def test_the_right_one_forgives_the_slips_before(client, password):
    guess(client, 4)
    client.post("/login/", {"password": password})
    assert not LoginAttempt.objects.exists()


def test_a_link_lets_in_whoever_has_locked_himself_out(client, password):
    guess(client, 6)
    client.post(login_links.create())
    assert logged_in(client)


def test_many_addresses_together_are_slowed_down_too():
    for number in range(login_throttle.IN_ALL):
        login_throttle.attempt(f"10.0.{number // 250}.{number % 250}")
    with pytest.raises(login_throttle.TooManyAttempts):
        login_throttle.attempt("192.0.2.1")
    assert LoginAttempt.objects.count() == login_throttle.IN_ALL


def test_a_clock_set_back_locks_nobody_out():
    LoginAttempt.objects.bulk_create(
        LoginAttempt(client="10.0.0.1", at=timezone.now() + timedelta(days=1)) for _ in range(9)
    )
    login_throttle.attempt("10.0.0.1")
    assert LoginAttempt.objects.count() == 1


@pytest.mark.parametrize(
    ("address", "forwarded", "client"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
        ("127.0.0.1", "198.51.100.1", "127.0.0.1"),
        ("10.0.0.7", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.7", "6.6.6.6, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("::ffff:10.0.0.7", "198.51.100.1:5000", "198.51.100.1"),
        ("2001:db8:9::1", "[2001:db8:1:2:3::6]:443", "2001:db8:1:2::/64"),
        ("10.0.0.7", "198.51.100.1, nonsense", "10.0.0.7"),
        ("10.0.0.7", "10.0.0.8", "10.0.0.8"),
        ("10.0.0.7", "", "10.0.0.7"),
        ("", "198.51.100.1", "unknown"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.5", "", "203.0.113.5"),
    ],
)
def test_who_is_asking(rf, settings, address, forwarded, client):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8:9::1")]
    request = rf.get("/", REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR=forwarded)
    assert login_throttle.client_of(request) == client


def test_invented_addresses_give_no_more_tries(client, password, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    answers = [
        client.post("/login/", {"password": "wrong"}, HTTP_X_FORWARDED_FOR=f"198.51.100.{number}").status_code
        for number in range(20)
    ]
    assert answers == [200] * 5 + [429] * 15


def test_strangers_behind_the_same_proxy_do_not_lock_out_a_browser_that_was_in_before(client, password):
    client.post("/login/", {"password": password})
    client.post("/logout/")
    assert guess(a_browser(), 7) == [200] * 5 + [429] * 2
    for number in range(login_throttle.IN_ALL - 5):
        login_throttle.attempt(f"10.0.{number // 250}.{number % 250}")
    client.post("/login/", {"password": password})
    assert logged_in(client)
    assert guess(a_browser(), 1) == [429]


def test_the_cookie_of_such_a_browser_gives_no_endless_tries(client, password):
    client.post("/login/", {"password": password})
    client.post("/logout/")
    stolen = client.cookies[login_throttle.COOKIE].value
    assert client.cookies[login_throttle.COOKIE]["httponly"]
    answers = []
    for number in range(8):
        thief = a_browser()
        thief.cookies[login_throttle.COOKIE] = stolen
        answers += guess(thief, 1, f"198.51.100.{number}")
    assert answers == [200] * 5 + [429] * 3


def test_a_cookie_that_is_not_ours_or_of_an_older_password_counts_by_address(client, password, settings):
    client.post("/login/", {"password": password})
    client.post("/logout/")
    administrator.set_password("another long secret")
    assert guess(client, 6) == [200] * 5 + [429]
    forger = a_browser()
    forger.cookies[login_throttle.COOKIE] = "0123456789abcdef01234567:1tXyz:forged"
    assert guess(forger, 1) == [429]


# --- Links ---------------------------------------------------------------------------------------------------------


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


def test_only_the_hash_of_a_link_is_kept():
    token = login_links.create().split("/")[-2]
    assert token not in LoginLink.objects.get().token_hash


def test_an_invented_link_is_none(client):
    assert client.get("/login/link/x/").status_code == 410
    assert client.post("/login/link/x/").status_code == 410


def test_with_a_password_set_the_link_leads_home(client, password):
    assert client.post(login_links.create()).url == "/"


def test_the_command_prints_an_address_that_lets_in(client, capsys):
    call_command("login_link", "--port", "9000")
    printed = capsys.readouterr().out
    assert printed.startswith("http://127.0.0.1:9000/login/link/") and printed.count("\n") == 1
    client.post(printed.strip().removeprefix("http://127.0.0.1:9000"))
    assert logged_in(client)


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
