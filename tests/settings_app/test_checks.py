"""What the environment decides and cannot mean is said at the start."""

import pytest

from settings_app import checks, preferences
from settings_app.checks import environment_of_settings

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("HTTP_PROXY", "http://us\u200ber:secret@proxy:3128", "invisible"),
        ("HTTPS_PROXY", "http://us%0Aer:secret@proxy:3128", "invisible"),
        ("ALL_PROXY", "socks5://127.0.0.1:1", "PySocks"),
        ("http_proxy", "http://proxy:99999", "port"),
        ("HTTP_PROXY", "ftp://proxy", "http://"),
        ("HTTP_PROXY", "http://:3128", "no host"),
        ("COMFYUI_URL", "http://us%00er:secret@127.0.0.1:8188", "invisible"),
        ("COMFYUI_URL", "http://us\ner:secret@127.0.0.1:8188", "invisible"),
        ("COMFYUI_URL", "http://user:sec\tsecret@127.0.0.1:8188", "invisible"),
        ("COMFYUI_URL", "user:secret@127.0.0.1:8188", "no"),
        ("COMFYUI_URL", "http://user:se/secret@127.0.0.1:8188", "no"),
    ],
)
def test_an_address_of_the_environment_that_cannot_be_used_is_told(name, value, says, monkeypatch):
    monkeypatch.setenv(name, value)
    told = [each.msg for each in environment_of_settings() if name in each.msg]
    assert len(told) == 1
    assert says in told[0]
    assert "secret" not in told[0]


def test_nonsense_in_the_environment_is_an_error_of_the_start_check(monkeypatch):
    assert checks.environment_of_settings() == []
    monkeypatch.setenv("COMFYDASH_RATE_LIMIT", "fast")
    (problem,) = checks.environment_of_settings()
    assert problem.id == "settings_app.E001" and "COMFYDASH_RATE_LIMIT" in problem.msg
    assert preferences.get("rate_limit") == 0


def test_short_secrets_of_the_environment_are_warned_of_without_being_said(settings):
    settings.PASSWORD, settings.API_KEY = "s3cret", "k3y"
    found = checks.environment_of_settings()
    assert [problem.id for problem in found] == ["settings_app.W001", "settings_app.W002"]
    assert "s3cret" not in str(found) and "k3y" not in str(found)
