"""The stored settings in the Django admin."""

import pytest

from activity.models import Activity
from settings_app import api_key, hub_token, preferences
from settings_app.models import Administrator, Setting
from tests.settings_app.conftest import GOOD_TOKEN

pytestmark = pytest.mark.django_db
LIST = "/admin/settings_app/setting/"


def test_a_setting_is_changed_with_the_same_checks(owner):
    preferences.store("connections", 4)
    html = owner.post(f"{LIST}connections/change/", {"value": "99"}).content.decode()
    assert "from 1 to 16" in html and "adapts" in html and preferences.get("connections") == 4
    assert owner.post(f"{LIST}connections/change/", {"value": " 6 "}).url == LIST
    assert Setting.objects.get(key="connections").value == "6"
    assert Activity.objects.latest("id").subtitle == "4 → 6"


def test_an_empty_quota_may_be_written(owner):
    preferences.store("disk_quota", "20GB")
    owner.post(f"{LIST}disk_quota/change/", {"value": ""})
    assert preferences.get("disk_quota") is None


def test_secrets_are_listed_and_neither_shown_nor_changed(owner):
    hub_token.save_token(GOOD_TOKEN)
    key = api_key.create()
    for path in ("", "hf_token/change/", "api_key/change/"):
        html = owner.get(f"{LIST}{path}").content.decode()
        assert "set, not shown" in html and GOOD_TOKEN not in html
        assert Setting.objects.get(key="api_key").value not in html
    assert owner.post(f"{LIST}hf_token/change/", {"value": "hf_forged"}).status_code == 403
    assert owner.post(f"{LIST}api_key/change/", {"value": "forged"}).status_code == 403
    assert hub_token.hub_token() == GOOD_TOKEN and api_key.verify(key)


def test_nothing_is_added_or_deleted_here(owner):
    preferences.store("theme", "light")
    assert owner.get(f"{LIST}add/").status_code == 403
    assert owner.post(f"{LIST}theme/delete/", {"post": "yes"}).status_code == 403


def test_there_is_no_second_user_to_make(owner):
    assert owner.get("/admin/auth/user/").status_code == 404
    assert Administrator.objects.count() == 1


def test_the_admin_has_the_bar_of_the_dashboard_and_no_theme_of_its_own(owner):
    preferences.store("theme", "auto")
    html = owner.get("/admin/").content.decode()
    assert 'data-theme="auto"' in html and "admin/js/theme" not in html and "theme-toggle" not in html
    assert 'href="/settings/"' in html and 'action="/logout/"' in html
