"""The Settings page: each form by itself, with and without htmx."""

import re

import pytest
from django.test import Client

from activity.models import Activity
from settings_app import administrator, api_key, hub_token, preferences
from settings_app.models import Setting
from tests.settings_app.conftest import GOOD_TOKEN, a_browser

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
HTMX = {"HX-Request": "true"}


def page(client: Client, path: str = "/settings/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def said(client: Client) -> list[str]:
    return [str(message) for message in client.get("/settings/").context["messages"]]


def test_every_section_is_there(owner):
    html = page(owner)
    titles = ["Appearance", "Integrations", "Downloads", "Activity", "Access", "Diagnostics"]
    assert re.findall(r'<section [^>]*>\s*<div [^>]*>\s*<h2 id="[a-z]+-title">(\w+)</h2>', html) == titles
    assert not re.search(r"<script(?![^>]* src=)|\sstyle=|\son[a-z]+=", html)


@pytest.mark.usefixtures("settings_read_once")
def test_the_page_costs_the_same_whatever_is_stored(owner, django_assert_max_num_queries):
    page(owner)
    preferences.store("connections", 4)
    hub_token.save_token(GOOD_TOKEN)
    api_key.create()
    with django_assert_max_num_queries(20):
        page(owner)


# --- Preferences ---------------------------------------------------------------------------------------------------


def test_the_theme_is_kept_on_the_server(owner):
    assert owner.post("/settings/theme/", {"theme": "light"}).url == "/settings/#appearance"
    assert 'data-theme="light"' in page(owner)
    assert 'data-theme="light"' in page(owner, "/admin/")
    owner.post("/settings/theme/", {"theme": "pink"})
    assert preferences.get("theme") == "light"


def test_a_section_is_saved(owner):
    form = {"connections": "4", "rate_limit": "50MB/s", "disk_reserve": "5 GB", "disk_quota": ""}
    assert owner.post("/settings/save/downloads/", form).url == "/settings/#downloads"
    assert [preferences.get(key) for key in form] == [4, 50_000_000, 5_000_000_000, None]
    assert preferences.source("disk_quota") == "default"
    assert said(owner) == ["Saved."]
    html = page(owner)
    assert 'value="50 MB/s"' in html and 'value="5 GB"' in html


def test_one_bad_value_saves_nothing_and_keeps_what_was_typed(owner):
    form = {"connections": "4", "rate_limit": "fast", "disk_reserve": "5 GB", "disk_quota": ""}
    html = owner.post("/settings/save/downloads/", form).content.decode()
    assert 'value="fast"' in html and "is not a size" in html and 'value="5 GB"' in html
    assert html.count('aria-invalid="true"') == 1
    assert not Setting.objects.exists()


def test_under_htmx_the_form_alone_is_answered(owner):
    answer = owner.post("/settings/save/activity/", {"activity_retention_days": "0"}, headers=HTMX)
    html = answer.content.decode()
    assert 'id="section-activity"' in html and "from 1 to 3650" in html and "<html" not in html
    answer = owner.post("/settings/save/activity/", {"activity_retention_days": "7"}, headers=HTMX)
    assert answer.status_code == 200 and "Saved." in answer.content.decode()
    assert preferences.get("activity_retention_days") == 7


def test_a_box_that_is_not_ticked_is_off(owner):
    owner.post("/settings/save/comfyui/", {"comfyui_url": "", "comfyui_public_url": ""})
    assert preferences.get("log_generations") is False
    owner.post("/settings/save/comfyui/", {"log_generations": "on"})
    assert preferences.get("log_generations") is True


def test_what_the_environment_decides_cannot_be_typed_over(owner, monkeypatch):
    monkeypatch.setenv("COMFYDASH_CONNECTIONS", "2")
    html = page(owner)
    assert "Decided by COMFYDASH_CONNECTIONS." in html
    owner.post("/settings/save/downloads/", {"connections": "9", "rate_limit": "1MB/s"})
    assert (preferences.get("connections"), preferences.get("rate_limit")) == (2, 1_000_000)


def test_an_unknown_section_is_not_found(owner):
    assert owner.post("/settings/save/nope/").status_code == 404


# --- Token ---------------------------------------------------------------------------------------------------------


def test_a_token_is_saved_shown_masked_and_deleted(owner):
    assert owner.post("/settings/hf-token/", {"token": GOOD_TOKEN}).url == "/settings/#integrations"
    html = page(owner)
    assert "hf_…WXYZ" in html and GOOD_TOKEN not in html and 'name="token"' not in html
    changing = page(owner, "/settings/?change=token")
    assert 'name="token"' in changing and "Cancel" in changing
    assert "forgotten" in page(owner, "/settings/hf-token/delete/")
    assert hub_token.hub_token() == GOOD_TOKEN
    assert owner.post("/settings/hf-token/delete/").url == "/settings/#integrations"
    assert hub_token.hub_token() == ""


def test_the_fallback_is_shown_as_such(owner, settings):
    settings.HF_TOKEN = GOOD_TOKEN
    html = page(owner)
    assert "From HF_TOKEN" in html and "/settings/hf-token/delete/" not in html


def test_a_token_is_tested_without_being_stored(owner, hub):
    for headers in ({}, HTMX):
        html = owner.post("/settings/hf-token/", {"token": GOOD_TOKEN, "test": "1"}, headers=headers).content.decode()
        assert "ada, with a read token" in html and "only tested" in html and GOOD_TOKEN not in html
    assert not hub_token.hub_token()


def test_the_saved_token_is_tested(owner, hub):
    hub_token.save_token("hf_revoked")
    assert "does not know this token" in owner.post("/settings/hf-token/test/").content.decode()


def test_a_bad_token_keeps_the_form_open(owner):
    html = owner.post("/settings/hf-token/", {"token": "nonsense"}, headers=HTMX).content.decode()
    assert "begin with hf_" in html and 'name="token"' in html


# --- Access --------------------------------------------------------------------------------------------------------


def test_the_first_password_is_set_and_ends_the_other_sessions(owner):
    other = a_browser()
    other.force_login(administrator.administrator())
    answer = owner.post("/settings/password/", {"new": PASSWORD, "again": PASSWORD})
    assert answer.url == "/settings/#access" and administrator.is_password(PASSWORD)
    assert owner.get("/settings/").status_code == 200
    assert other.get("/settings/").status_code == 302


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"current": "wrong", "new": "another good one", "again": "another good one"}, "current password is not right"),
        ({"current": PASSWORD, "new": "another good one", "again": "another"}, "not typed the same twice"),
        ({"current": PASSWORD, "new": "trustno1", "again": "trustno1"}, "too common"),
        ({"current": PASSWORD, "new": "", "again": ""}, "too short"),
    ],
)
def test_a_password_that_cannot_be_is_refused(owner, form, sentence):
    owner.post("/settings/password/", {"new": PASSWORD, "again": PASSWORD})
    html = owner.post("/settings/password/", form).content.decode()
    assert sentence in html and "good one" not in html and "trustno1" not in html
    assert administrator.is_password(PASSWORD)


def test_who_came_by_a_link_need_not_know_the_old_password(client):
    from settings_app import login_links

    administrator.set_password(PASSWORD)
    client.post(login_links.create())
    assert 'name="current"' not in page(client)
    client.post("/settings/password/", {"new": "another good one", "again": "another good one"})
    assert administrator.is_password("another good one")


def test_the_password_of_the_environment_has_no_form(owner, settings):
    settings.PASSWORD = PASSWORD
    owner.post("/login/", {"password": PASSWORD})
    html = page(owner)
    assert "COMFYDASH_PASSWORD" in html and 'name="new"' not in html
    owner.post("/settings/password/", {"new": "another good one", "again": "another good one"})
    assert administrator.is_password(PASSWORD) and not administrator.administrator().has_usable_password()


def test_a_key_is_shown_once(owner):
    html = owner.post("/settings/api-key/").content.decode()
    (key,) = set(re.findall(r"cd_[\w-]{43}", html))
    assert api_key.verify(key) and key not in page(owner)


def test_replacing_and_deleting_a_key_ask_first(owner):
    key = api_key.create()
    assert "refused from now on" in page(owner, "/settings/api-key/") + page(owner, "/settings/api-key/delete/")
    assert api_key.verify(key)
    answer = owner.post("/settings/api-key/", headers=HTMX)
    assert answer["X-Acted"] and not api_key.verify(key)
    owner.post("/settings/api-key/delete/")
    assert not api_key.status().is_set


def test_the_key_of_the_environment_is_left_alone(owner, settings):
    settings.API_KEY = "k" * 30
    for path in ("/settings/api-key/", "/settings/api-key/delete/"):
        owner.post(path)
        assert "COMFYDASH_API_KEY" in said(owner)[0]


def test_sessions_are_listed_and_ended(owner):
    administrator.set_password(PASSWORD)
    browsers = [a_browser() for _ in range(3)]
    for browser, agent in zip(
        browsers,
        [
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Mobile Safari/604.1",
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
        ],
        strict=True,
    ):
        browser.post("/login/", {"password": PASSWORD}, headers={"User-Agent": agent})
    mine = browsers[0]
    listed = mine.get("/settings/").context["open_sessions"]
    assert listed[0].browser == "Firefox on Linux" and listed[0].is_this
    assert {one.browser for one in listed} == {"Firefox on Linux", "Safari on iPhone", "Edge on Windows"}
    assert str(mine.session.session_key) not in mine.get("/settings/").content.decode()
    phone = next(one for one in listed if "iPhone" in one.browser)
    mine.post(f"/settings/sessions/{phone.id}/end/")
    assert [browser.get("/settings/").status_code for browser in browsers] == [200, 302, 200]
    mine.post(f"/settings/sessions/{listed[0].id}/end/")  # one's own ends by logging out
    mine.post("/settings/sessions/end-others/")
    assert [browser.get("/settings/").status_code for browser in browsers] == [200, 302, 302]


# --- Diagnostics ---------------------------------------------------------------------------------------------------


def test_diagnostics_carry_no_secret(owner, settings):
    settings.HF_ENDPOINT = "https://someone:s3cretmirror@mirror.example"
    settings.HF_TOKEN = GOOD_TOKEN
    settings.API_KEY = "apikeyapikeyapikey"
    html = page(owner)
    text = html[html.index("diagnostics-text") :]
    assert "https://mirror.example" in text and "journal mode" in text and "connections: 8 (default)" in text
    for secret in (GOOD_TOKEN, "s3cretmirror", settings.API_KEY, settings.SECRET_KEY):
        assert secret not in html


# --- Guards --------------------------------------------------------------------------------------------------------

CHANGES = [
    "theme/",
    "save/downloads/",
    "hf-token/",
    "hf-token/test/",
    "hf-token/delete/",
    "password/",
    "api-key/",
    "api-key/delete/",
    "sessions/end-others/",
    "sessions/abc/end/",
]


@pytest.mark.parametrize("path", CHANGES)
def test_changes_want_a_login_and_the_csrf_token(owner, client, path):
    assert client.post(f"/settings/{path}").url.startswith("/login/")
    other_site = a_browser(enforce_csrf_checks=True)
    other_site.cookies = owner.cookies
    assert other_site.post(f"/settings/{path}").status_code == 403
    assert not Activity.objects.exists()


@pytest.mark.parametrize("path", CHANGES)
def test_looking_changes_nothing(owner, path):
    answer = owner.get(f"/settings/{path}")
    assert answer.status_code == 200 or answer.url == "/settings/"
    assert not Activity.objects.exists() and not Setting.objects.exists()


def test_what_is_wrong_with_the_extra_folders_is_seen_on_the_page(owner, settings, tmp_path):
    place = tmp_path / "extra.yaml"
    place.write_text("a:\n\tvae: /v\n")
    settings.EXTRA_MODEL_PATHS = str(place)
    html = owner.get("/settings/").content.decode()
    assert html.count(f"{place}, line 2: a tab cannot stand here") == 3  # the list, and the text with its copy button
