"""The token's life, and where it may never be seen."""

import json

import pytest

import extension_points
from activity.models import Activity
from settings_app import hub_token
from settings_app.checks import environment_of_settings
from settings_app.hub_token import BadToken
from settings_app.models import Setting
from tests.settings_app.conftest import GOOD_TOKEN

pytestmark = pytest.mark.django_db


def test_the_stored_token_wins_over_the_environment(settings):
    assert (hub_token.hub_token(), hub_token.hub_token_source()) == ("", "")
    settings.HF_TOKEN = "hf_fallback"
    assert (hub_token.hub_token(), hub_token.hub_token_source()) == ("hf_fallback", "env")
    hub_token.save_token(f" {GOOD_TOKEN}\n")
    assert (hub_token.hub_token(), hub_token.hub_token_source()) == (GOOD_TOKEN, "stored")
    assert hub_token.delete_token() is True
    assert hub_token.hub_token_source() == "env"
    assert hub_token.delete_token() is False


@pytest.mark.parametrize(
    "token", ["", "  ", "hf_", "abc", "hf_a b", "hf_ä", "HF_abc", "hf_a\nX-Evil: 1", "hf_" + "a" * 2000]
)
def test_what_cannot_be_a_token_is_refused(token):
    with pytest.raises(BadToken):
        hub_token.save_token(token)
    assert not Setting.objects.exists()


def test_saving_wakes_what_waits_after_the_commit(monkeypatch, django_capture_on_commit_callbacks):
    seen = []
    monkeypatch.setattr(extension_points, "token_saved", [lambda: seen.append(hub_token.hub_token())])
    with django_capture_on_commit_callbacks(execute=True):
        hub_token.save_token(GOOD_TOKEN)
        assert seen == []
    assert seen == [GOOD_TOKEN]


def test_the_log_says_that_it_was_saved_and_not_what():
    hub_token.save_token(GOOD_TOKEN)
    hub_token.delete_token()
    assert [entry.title for entry in Activity.objects.order_by("id")] == [
        "Hugging Face token saved",
        "Hugging Face token deleted",
    ]
    assert GOOD_TOKEN not in str(list(Activity.objects.values()))


@pytest.mark.parametrize(("token", "shown"), [(GOOD_TOKEN, "hf_…WXYZ"), ("hf_short", "hf_…"), ("", "")])
def test_at_most_four_characters_are_shown(token, shown, settings):
    settings.HF_TOKEN = token
    assert hub_token.masked() == shown


def test_the_token_is_in_no_page_answer_or_record(owner, hub):
    hub_token.save_token(GOOD_TOKEN)
    pages = [
        owner.get(path)
        for path in (
            "/settings/",
            "/settings/?change=token",
            "/settings/hf-token/delete/",
            "/activity/",
            "/api/settings",
            "/api/activity/recent",
            "/admin/settings_app/setting/",
            "/admin/settings_app/setting/hf_token/change/",
        )
    ]
    pages.append(owner.post("/settings/hf-token/test/"))
    pages.append(owner.post("/settings/hf-token/", {"token": GOOD_TOKEN, "test": "1"}))
    pages.append(owner.post("/settings/hf-token/", {"token": GOOD_TOKEN + "!"}))
    pages.append(owner.post("/api/settings/hf-token/validate", "{}", content_type="application/json"))
    pages.append(owner.post("/api/settings/hf-token", json.dumps({"token": 5}), content_type="application/json"))
    assert {page.status_code for page in pages} <= {200, 400}
    assert [page.request["PATH_INFO"] for page in pages if GOOD_TOKEN.encode() in page.content] == []


UNSENDABLE = [
    "hf_abc\u200bdef",
    "hf_abc\ndef",
    "hf_ä",
    "hf_你",
    "hf_a\x00b",
    "hf_a b",
    "hf_a\x7fb",
    "hf_\ufeffb",
    "hf_a\ud800",
    "hf_" + "a" * 5000,  # a header that servers close the connection over
]


@pytest.mark.parametrize("token", UNSENDABLE, ids=lambda token: ascii(token)[:20])
def test_a_token_that_cannot_be_a_header_counts_as_none_and_is_told(token, settings, owner):
    settings.HF_TOKEN = token
    if "\ud800" not in token:  # the database takes no half of a character
        Setting.objects.create(key="hf_token", value=token)
        assert len(hub_token.in_use()[2]) == 2
    assert (hub_token.hub_token(), hub_token.hub_token_source(), hub_token.masked()) == ("", "", "")
    (told,) = [each for each in environment_of_settings() if each.id == "settings_app.W003"]
    assert "HF_TOKEN is not used" in told.msg
    page = owner.get("/settings/").content.decode()
    assert "HF_TOKEN is not used" in page
    assert "abc" not in told.msg
    with pytest.raises(BadToken):
        hub_token.save_token(token)


@pytest.mark.parametrize("around", ["{} ", '"{}"', "'{}'\n", '\t"{} "\r\n'])
def test_blanks_and_quotes_around_the_token_of_the_environment_are_left_out(around, settings):
    settings.HF_TOKEN = around.format(GOOD_TOKEN)
    assert hub_token.hub_token() == GOOD_TOKEN
    assert not hub_token.in_use()[2]


def test_a_good_token_of_the_environment_stands_in_for_a_broken_stored_one(settings):
    settings.HF_TOKEN = GOOD_TOKEN
    Setting.objects.create(key="hf_token", value="hf_abc\u200bdef")
    assert (hub_token.hub_token(), hub_token.hub_token_source()) == (GOOD_TOKEN, "env")
