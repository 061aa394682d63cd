"""Environment before Settings before default; nothing that is stored may stop a start."""

import logging
from typing import Any

import pytest

from activity.models import Activity
from comfydash import env
from settings_app import checks, preferences
from settings_app.models import Setting
from settings_app.preferences import BadValue, DecidedByEnvironment, UnknownKey

pytestmark = pytest.mark.django_db


DEFAULTS = {
    "theme": "dark",
    "activity_retention_days": 30,
    "connections": 8,
    "rate_limit": 0,
    "disk_reserve": 2_000_000_000,
    "disk_quota": None,
    "comfyui_url": "http://127.0.0.1:8188",
    "comfyui_public_url": "",
    "log_generations": True,
}


def test_everything_has_a_default():
    assert {key: preferences.get(key) for key in preferences.PREFERENCES}.items() >= DEFAULTS.items()
    assert {preferences.source(key) for key in preferences.PREFERENCES} == {"default"}


@pytest.mark.parametrize(
    ("key", "raw", "value"),
    [
        ("theme", "light", "light"),
        ("theme", " AUTO ", "auto"),
        ("activity_retention_days", 1, 1),
        ("activity_retention_days", "3650", 3650),
        ("connections", 16, 16),
        ("connections", " 1 ", 1),
        ("rate_limit", "50MB/s", 50_000_000),
        ("rate_limit", 0, 0),
        ("rate_limit", "", 0),
        ("rate_limit", None, 0),
        ("disk_reserve", "1.5GiB", 1_610_612_736),
        ("disk_reserve", 0, 0),
        ("disk_quota", "200 GB", 200_000_000_000),
        ("disk_quota", 12345678901234567, 12345678901234567),
        ("disk_quota", "", None),
        ("disk_quota", None, None),
        ("disk_quota", 0, None),
        ("comfyui_url", "http://10.0.0.2:8188/", "http://10.0.0.2:8188"),
        ("comfyui_url", "", "http://127.0.0.1:8188"),
        ("comfyui_public_url", "https://comfy.example/path/", "https://comfy.example/path"),
        ("comfyui_public_url", "", ""),
        ("log_generations", False, False),
        ("log_generations", "off", False),
        ("log_generations", "true", True),
    ],
)
def test_a_value_is_taken_as_its_own_type_or_as_a_string(key, raw, value):
    assert preferences.store(key, raw) == value
    assert (preferences.get(key), preferences.source(key)) == (value, "stored")
    assert preferences.PREFERENCES[key].clean(preferences.PREFERENCES[key].shown(value)) == value


NONSENSE: dict[str, list[Any]] = {
    "theme": ["", "pink", 1, None, True, ["dark"]],
    "activity_retention_days": [0, 3651, "abc", "", "1.5", 1.5, True, None, "9" * 5000, "²"],
    "connections": [0, 17, "-1", {}, "0x1"],
    "rate_limit": ["fast", -1, 50, "50", True, 1.5, []],
    "disk_reserve": ["", None, "much", "9" * 90, 2**63, -5, "-5GB", "1e400"],
    "disk_quota": ["x", False, {"a": 1}],
    "comfyui_url": [
        "localhost:8188",
        "ftp://host",
        "javascript:alert(1)",
        "http://",
        "http://user:pass@host",
        "http://host:99999",
        "http://host/?a=b",
        "http://host/#x",
        "http://ho st",
        'http://host/"x',
        "http://host\x00",
        "http://[::1",
        "http://" + "a" * 600,
        "   ",
        7,
    ],
    "log_generations": ["", "maybe", 1, None],
}


@pytest.mark.parametrize(("key", "raw"), [(key, raw) for key, values in NONSENSE.items() for raw in values])
def test_nonsense_is_refused_with_a_sentence_and_changes_nothing(key, raw):
    with pytest.raises(BadValue) as refusal:
        preferences.store(key, raw)
    assert str(refusal.value).endswith((".", "…”.")) and len(str(refusal.value)) < 300
    assert (preferences.get(key), preferences.source(key)) == (DEFAULTS[key], "default")
    assert not Setting.objects.exists() and not Activity.objects.exists()


@pytest.mark.parametrize("key", ["hf_token", "api_key", "nope", ""])
def test_unknown_and_secret_keys_are_no_preferences(key):
    for act in (preferences.get, preferences.source, lambda key: preferences.store(key, "x")):
        with pytest.raises(UnknownKey):
            act(key)


def test_the_environment_wins_and_refuses_changes(monkeypatch):
    preferences.store("connections", 4)
    monkeypatch.setenv("COMFYDASH_CONNECTIONS", "12")
    assert (preferences.get("connections"), preferences.source("connections")) == (12, "env")
    with pytest.raises(DecidedByEnvironment, match="COMFYDASH_CONNECTIONS"):
        preferences.store("connections", 5)
    monkeypatch.delenv("COMFYDASH_CONNECTIONS")
    assert (preferences.get("connections"), preferences.source("connections")) == (4, "stored")


def test_an_empty_variable_is_not_set(monkeypatch):
    monkeypatch.setenv("COMFYDASH_DISK_QUOTA", " ")
    assert preferences.source("disk_quota") == "default"


def test_a_stored_value_that_is_nonsense_is_the_default_and_one_warning(caplog):
    Setting.objects.create(key="activity_retention_days", value="abc")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert preferences.get("activity_retention_days") == 30
            preferences.forget()
    assert preferences.source("activity_retention_days") == "default"
    assert len(caplog.records) == 1 and "activity_retention_days" in caplog.text


def test_a_change_in_another_process_is_seen_within_a_second(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("values.kept.time.monotonic", lambda: clock[0])
    assert preferences.get("rate_limit") == 0
    Setting.objects.create(key="rate_limit", value="1000000")
    assert preferences.get("rate_limit") == 0
    clock[0] += 1.0
    assert preferences.get("rate_limit") == 1_000_000


@pytest.mark.parametrize("key", sorted(preferences.PREFERENCES.keys() - {"theme"}))
def test_a_line_of_the_table_is_a_control_on_the_page_and_a_field_of_the_api(owner, monkeypatch, key):
    preference = preferences.PREFERENCES[key]
    html = owner.get("/settings/").content.decode()
    assert f'name="{key}"' in html and preference.label in html
    answer = owner.get("/api/settings").json()
    assert (answer[key], answer["sources"][key]) == (preference.default, "default")
    example = {"disk_quota": "200GB", "comfyui_public_url": "https://comfy.example"}.get(key)
    if preference.env and (value := example or preference.shown(preference.default)):
        monkeypatch.setenv(preference.env, value)
        assert preferences.source(key) == "env"
        assert env.unknown(preferences.variables()) == []


def test_many_reads_cost_one_query(django_assert_num_queries):
    with django_assert_num_queries(1):
        for key in preferences.PREFERENCES:
            preferences.get(key)
            preferences.source(key)


def test_a_change_is_logged_with_before_and_after():
    preferences.store("rate_limit", "50MB/s")
    entry = Activity.objects.get()
    assert (entry.type, entry.status, entry.title, entry.subtitle) == (
        "settings",
        "completed",
        "Bandwidth limit changed",
        "0 → 50 MB/s",
    )
    assert entry.details == {"key": "rate_limit", "before": 0, "after": 50_000_000}


def test_storing_the_same_again_is_no_news():
    preferences.store("theme", "dark")
    assert preferences.source("theme") == "stored"
    assert not Activity.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_without_a_table_the_defaults_hold():
    from django.db import connection

    with connection.schema_editor() as editor:
        editor.delete_model(Setting)
    try:
        assert preferences.get("connections") == 8
    finally:
        with connection.schema_editor() as editor:
            editor.create_model(Setting)


def test_a_login_in_a_refused_address_is_not_repeated(monkeypatch):
    for url in ("http://user:s3cret@host:99999", "http://user:s3cret@ho st"):
        with pytest.raises(BadValue) as refusal:
            preferences.store("comfyui_public_url", url)
        monkeypatch.setenv("COMFYUI_PUBLIC_URL", url)
        assert "s3cret" not in str(refusal.value) + str(checks.environment_of_settings())
        monkeypatch.delenv("COMFYUI_PUBLIC_URL")
