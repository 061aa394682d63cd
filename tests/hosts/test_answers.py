from __future__ import annotations

import pytest
import requests

from downloads.transfer import Options, TransferError
from downloads.transfer.backoff import Backoff
from hosts.answers import asked_pause, busy_error, expiry, has_expired
from hosts.huggingface.tokens import LIMIT_HINT
from webclient.client import number


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "42"}, 42.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "NaN"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "\u00b2"}, None),  # a digit to str.isdigit, and none to float
        ({"Retry-After": "9" * 400}, float("inf")),
        ({"Retry-After": "Fri, 99 Foo 99999 99:99:99 GMT"}, None),
        ({"RateLimit": f'"resolvers";r={"0" * 5000};t=17'}, 17.0),
        ({"RateLimit": '"resolvers";r=0;t=17'}, 17.0),
        ({"RateLimit": '"resolvers";r=5;t=17'}, None),
        ({}, None),
    ],
)
def test_the_pause_a_host_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_pause(headers) == seconds


@pytest.mark.parametrize("said", ["\u00b2", "9" * 5000, "-1", "1e3", "12 13", ""])
def test_a_number_that_is_none_breaks_nothing(said: str) -> None:
    assert number(said) is None
    assert expiry(f"https://x/a?Expires={said}") is None
    assert expiry(f"https://x/a?X-Amz-Expires={said}&X-Amz-Date=20240101T000000Z") is None


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        (429, {"Retry-After": "3600"}, "is rate limited and asks to be left alone for 60 min. A token raises"),
        (429, {}, "is rate limited. A token raises the limit. Retry continues"),
        (503, {"Retry-After": "9" * 400}, "(status 503) and asks to be left alone for days. Retry"),
    ],
)
def test_the_last_word_on_a_busy_host_promises_nothing(status: int, headers: dict[str, str], says: str) -> None:
    answer = requests.Response()
    answer.status_code = status
    answer.headers.update(headers)
    with pytest.raises(TransferError) as over:
        Backoff(Options(max_attempts=1), lambda progress: True).after(busy_error(answer, "hub.example", LIMIT_HINT))
    assert says in str(over.value)
    assert "tried again" not in str(over.value)


@pytest.mark.parametrize(
    ("link", "ends"),
    [
        ("https://x/a?Expires=1700000000&Signature=s", 1_700_000_000.0),
        ("https://x/a?X-Amz-Date=20231114T221320Z&X-Amz-Expires=3600", 1_700_003_600.0),
        ("https://x/a?X-Amz-Date=never&X-Amz-Expires=3600", None),
        ("https://x/a?Expires=Tue", None),
        ("https://x/a", None),
    ],
)
def test_when_a_link_ends(link: str, ends: float | None) -> None:
    assert expiry(link) == ends
    assert has_expired(ends) is (ends is not None)
