"""The one administrator, its password, and when sessions end."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from activity.models import Activity
from settings_app import access, login_links
from settings_app.models import Administrator, LoginLink
from tests.settings_app.conftest import a_browser

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def logged_in(client: Client) -> bool:
    return client.get("/settings/").status_code == 200


def test_there_is_one_administrator_without_a_password():
    user = access.administrator()
    assert (user.username, user.is_superuser, user.is_staff) == ("admin", True, True)
    assert access.administrator().pk == user.pk and Administrator.objects.count() == 1
    assert access.password_source() == ""
    assert not access.is_password("")


def test_rights_that_were_taken_away_come_back():
    access.administrator()
    Administrator.objects.update(is_active=False, is_superuser=False)
    user = access.administrator()
    assert user.is_active and user.is_superuser and Administrator.objects.get().is_active


def test_a_password_is_kept_as_a_hash_and_ends_open_links():
    login_links.create()
    access.set_password(PASSWORD)
    assert access.is_password(PASSWORD) and not access.is_password(PASSWORD + " ")
    assert access.password_source() == "stored"
    assert PASSWORD not in Administrator.objects.get().password
    assert not LoginLink.objects.exists()
    assert Activity.objects.get().title == "Password changed"


@pytest.mark.parametrize("weak", ["", "short", "password123"])
def test_a_weak_password_is_refused(weak):
    with pytest.raises(ValidationError):
        access.set_password(weak)
    assert access.password_source() == ""


def test_the_password_of_the_environment_is_the_only_one(settings):
    access.set_password(PASSWORD)
    settings.PASSWORD = "from the environment ü"
    assert access.password_source() == "env"
    assert access.is_password("from the environment ü") and not access.is_password(PASSWORD)
    with pytest.raises(access.AccessRefused, match="COMFYDASH_PASSWORD"):
        access.set_password("another good one")


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
    client.force_login(other, backend=access.BACKEND)
    assert not logged_in(client)
    assert not a_browser().login(username="mallory", password=PASSWORD)
