"""Guessers are slowed down, and nobody else."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from settings_app import administrator, login_links, login_throttle
from settings_app.models import LoginAttempt
from tests.settings_app.conftest import a_browser, logged_in

pytestmark = pytest.mark.django_db


def guess(client: Client, times: int, address: str = "127.0.0.1") -> list[int]:
    return [client.post("/login/", {"password": "wrong"}, REMOTE_ADDR=address).status_code for _ in range(times)]


def test_after_five_wrong_ones_even_the_right_one_must_wait(client, password):
    assert guess(client, 7) == [200] * 5 + [429] * 2
    answer = client.post("/login/", {"password": password})
    assert answer.status_code == 429 and 0 < int(answer["Retry-After"]) <= 900
    assert "Wait 15 minutes" in answer.content.decode()
    assert LoginAttempt.objects.count() == 5
    assert guess(client, 1, "10.1.1.1") == [200]


def test_the_wait_ends(client, password):
    guess(client, 5)
    LoginAttempt.objects.update(at=timezone.now() - login_throttle.WINDOW - timedelta(seconds=1))
    client.post("/login/", {"password": password})
    assert logged_in(client)
    assert not LoginAttempt.objects.exists()


@pytest.mark.parametrize("minutes", [-20, 3])
def test_wrong_ones_at_a_machine_whose_clock_is_off_count_too(client, password, monkeypatch, minutes):
    now = timezone.now
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(timezone, "now", lambda: now() + timedelta(minutes=minutes))
        assert guess(client, 3) == [200] * 3
    assert guess(client, 3) == [200, 200, 429]


def test_the_right_one_forgives_the_slips_before(client, password):
    guess(client, 4)
    client.post("/login/", {"password": password})
    assert not LoginAttempt.objects.exists()


def test_a_link_lets_in_whoever_has_locked_himself_out(client, password):
    guess(client, 6)
    client.post(login_links.create())
    assert logged_in(client)


def test_many_addresses_together_are_slowed_down_too():
    for number in range(login_throttle.IN_ALL):
        login_throttle.attempt(f"10.0.{number // 250}.{number % 250}")
    with pytest.raises(login_throttle.TooManyAttempts):
        login_throttle.attempt("192.0.2.1")
    assert LoginAttempt.objects.count() == login_throttle.IN_ALL


def test_a_clock_set_back_locks_nobody_out():
    LoginAttempt.objects.bulk_create(
        LoginAttempt(client="10.0.0.1", at=timezone.now() + timedelta(days=1)) for _ in range(9)
    )
    login_throttle.attempt("10.0.0.1")
    assert LoginAttempt.objects.count() == 1


def test_invented_addresses_give_no_more_tries(client, password, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    answers = [
        client.post("/login/", {"password": "wrong"}, HTTP_X_FORWARDED_FOR=f"198.51.100.{number}").status_code
        for number in range(20)
    ]
    assert answers == [200] * 5 + [429] * 15


def test_strangers_behind_the_same_proxy_do_not_lock_out_a_browser_that_was_in_before(client, password):
    client.post("/login/", {"password": password})
    client.post("/logout/")
    assert guess(a_browser(), 7) == [200] * 5 + [429] * 2
    for number in range(login_throttle.IN_ALL - 5):
        login_throttle.attempt(f"10.0.{number // 250}.{number % 250}")
    client.post("/login/", {"password": password})
    assert logged_in(client)
    assert guess(a_browser(), 1) == [429]


def test_the_cookie_of_such_a_browser_gives_no_endless_tries(client, password):
    client.post("/login/", {"password": password})
    client.post("/logout/")
    stolen = client.cookies[login_throttle.COOKIE].value
    assert client.cookies[login_throttle.COOKIE]["httponly"]
    answers = []
    for number in range(8):
        thief = a_browser()
        thief.cookies[login_throttle.COOKIE] = stolen
        answers += guess(thief, 1, f"198.51.100.{number}")
    assert answers == [200] * 5 + [429] * 3


def test_a_cookie_that_is_not_ours_or_of_an_older_password_counts_by_address(client, password, settings):
    client.post("/login/", {"password": password})
    client.post("/logout/")
    administrator.set_password("another long secret")
    assert guess(client, 6) == [200] * 5 + [429]
    forger = a_browser()
    forger.cookies[login_throttle.COOKIE] = "0123456789abcdef01234567:1tXyz:forged"
    assert guess(forger, 1) == [429]
