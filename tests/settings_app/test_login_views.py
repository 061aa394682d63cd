"""The ways in and out: the password, and the form that asks for it."""

from importlib import import_module

import pytest
from django.conf import settings as django_settings

from settings_app import administrator, login_links
from settings_app.models import LoginAttempt
from tests.settings_app.conftest import PASSWORD, a_browser, logged_in

pytestmark = pytest.mark.django_db


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
