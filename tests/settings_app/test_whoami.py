"""Whose token it is, as the Hub says, or why it says nothing."""

import socket

import pytest

from settings_app import hub_token
from settings_app.models import Setting
from settings_app.whoami import HubUnreachable, Identity, InvalidToken
from tests.settings_app.conftest import GOOD_TOKEN

pytestmark = pytest.mark.django_db


def test_the_hub_says_whose_token_it_is(hub):
    assert hub_token.validate_token(GOOD_TOKEN) == Identity("ada", "read", None)
    assert hub.asked == [("/api/whoami-v2", GOOD_TOKEN)]
    assert not Setting.objects.exists()


@pytest.mark.parametrize(
    ("access", "words"),
    [
        ({"role": "read"}, "ada, with a read token"),
        ({"role": "write"}, "a read token would be safer"),
        ({"role": "fineGrained", "fineGrained": {"canReadGatedRepos": True}}, "with a fine-grained token"),
        ({"role": "fineGrained", "fineGrained": {"canReadGatedRepos": False}}, "may not read gated repositories"),
        ("odd", "with a token"),
    ],
)
def test_what_it_may_do_is_said_in_words(hub, access, words):
    hub.knows(GOOD_TOKEN, {"name": "ada", "auth": {"accessToken": access}})
    assert words in hub_token.validate_token(GOOD_TOKEN).sentence


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_invalid(hub, status):
    hub.answers[GOOD_TOKEN] = (status, {}, b"{}")
    with pytest.raises(InvalidToken, match=r"127\.0\.0\.1"):
        hub_token.validate_token(GOOD_TOKEN)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (503, b""),
        (429, b""),
        (404, b""),
        (302, b""),
        (200, b"<html>Please log in to this hotel</html>"),
        (200, b"[]"),
        (200, b'{"name": 7}'),
        (200, b"\xff\xfe"),
        (200, b'"' + b"x" * 1_100_000),
    ],
)
def test_what_is_no_answer_of_a_hub_says_nothing_about_the_token(hub, status, body):
    hub.answers[GOOD_TOKEN] = (status, {"Location": f"{hub.url}/elsewhere"}, body)
    with pytest.raises(HubUnreachable, match=r"127\.0\.0\.1"):
        hub_token.validate_token(GOOD_TOKEN)
    assert len(hub.asked) == 1


def test_a_hub_that_is_not_there_is_named(settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.HF_ENDPOINT = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(HubUnreachable, match=r"127\.0\.0\.1 cannot be reached"):
            hub_token.validate_token(GOOD_TOKEN)


def test_a_hub_that_hangs_is_given_up(settings, monkeypatch):
    monkeypatch.setattr("settings_app.whoami.READ_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.HF_ENDPOINT = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(HubUnreachable, match="did not answer in time"):
            hub_token.validate_token(GOOD_TOKEN)


@pytest.mark.parametrize("endpoint", ["http://mirror.example", "ftp://mirror.example", "nonsense"])
def test_the_token_never_travels_in_the_clear(settings, endpoint):
    settings.HF_ENDPOINT = endpoint
    with pytest.raises(HubUnreachable):
        hub_token.validate_token(GOOD_TOKEN)


def test_a_netrc_entry_does_not_replace_the_token(hub, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    hub_token.validate_token(GOOD_TOKEN)
    assert hub.asked == [("/api/whoami-v2", GOOD_TOKEN)]
