"""The one administrator, its password, and when sessions end."""

import pytest
from django.core.exceptions import ValidationError

from activity.models import Activity
from settings_app import administrator, login_links
from settings_app.models import Administrator, LoginLink
from tests.settings_app.conftest import a_browser, logged_in

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def test_there_is_one_administrator_without_a_password():
    user = administrator.administrator()
    assert (user.username, user.is_superuser, user.is_staff) == ("admin", True, True)
    assert administrator.administrator().pk == user.pk and Administrator.objects.count() == 1
    assert administrator.password_source() == ""
    assert not administrator.is_password("")


def test_rights_that_were_taken_away_come_back():
    administrator.administrator()
    Administrator.objects.update(is_active=False, is_superuser=False)
    user = administrator.administrator()
    assert user.is_active and user.is_superuser and Administrator.objects.get().is_active


def test_a_password_is_kept_as_a_hash_and_ends_open_links():
    login_links.create()
    administrator.set_password(PASSWORD)
    assert administrator.is_password(PASSWORD) and not administrator.is_password(PASSWORD + " ")
    assert administrator.password_source() == "stored"
    assert PASSWORD not in Administrator.objects.get().password
    assert not LoginLink.objects.exists()
    assert Activity.objects.get().title == "Password changed"


@pytest.mark.parametrize("weak", ["", "short", "password123"])
def test_a_weak_password_is_refused(weak):
    with pytest.raises(ValidationError):
        administrator.set_password(weak)
    assert administrator.password_source() == ""


def test_the_password_of_the_environment_is_the_only_one(settings):
    administrator.set_password(PASSWORD)
    settings.PASSWORD = "from the environment ü"
    assert administrator.password_source() == "env"
    assert administrator.is_password("from the environment ü") and not administrator.is_password(PASSWORD)
    with pytest.raises(administrator.AccessRefused, match="COMFYDASH_PASSWORD"):
        administrator.set_password("another good one")


def test_sessions_end_when_the_environment_brings_another_password(owner, settings):
    assert logged_in(owner)
    settings.PASSWORD = "first of them"
    assert not logged_in(owner)
    owner.post("/login/", {"password": "first of them"})
    assert logged_in(owner)
    settings.PASSWORD = "second of them"
    assert not logged_in(owner)


def test_nobody_but_the_administrator_has_a_session(client):
    other = Administrator.objects.create_user("mallory", password=PASSWORD, is_staff=True, is_superuser=True)
    client.force_login(other, backend=administrator.BACKEND)
    assert not logged_in(client)
    assert not a_browser().login(username="mallory", password=PASSWORD)
