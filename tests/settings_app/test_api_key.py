import pytest

from activity.models import Activity
from settings_app import api_key
from settings_app.models import Setting
from settings_app.preferences import DecidedByEnvironment

pytestmark = pytest.mark.django_db


def test_without_a_key_nothing_opens():
    assert not api_key.verify("") and not api_key.verify("x")
    assert not api_key.status().is_set


def test_a_key_opens_and_only_its_hash_is_kept():
    key = api_key.create()
    assert api_key.verify(key) and not api_key.verify(key[:-1]) and not api_key.verify("\ud800")
    assert key not in Setting.objects.get(key="api_key").value
    assert key not in str(list(Activity.objects.values()))
    assert api_key.status().source == "stored" and api_key.status().created_at


def test_a_new_key_ends_the_old_one():
    old, new = api_key.create(), api_key.create()
    assert not api_key.verify(old) and api_key.verify(new)


def test_a_deleted_key_opens_nothing():
    key = api_key.create()
    assert api_key.delete() is True
    assert not api_key.verify(key)
    assert api_key.delete() is False


def test_the_key_of_the_environment_is_the_only_one(settings):
    stored = api_key.create()
    settings.API_KEY = "k" * 30
    assert api_key.verify("k" * 30) and not api_key.verify(stored)
    assert api_key.status() == api_key.Status("env", None)
    for act in (api_key.create, api_key.delete):
        with pytest.raises(DecidedByEnvironment, match="COMFYDASH_API_KEY"):
            act()
