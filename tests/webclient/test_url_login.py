"""The user name and password in an address."""

from __future__ import annotations

import pytest

from webclient.url_login import hidden_login, login_problem, without_login


@pytest.mark.parametrize(
    ("url", "bare", "hidden"),
    [
        ("http://ada:s3cret@host:1/x", "http://host:1/x", "http://***@host:1/x"),
        (" https://ada@host", " https://host", " https://***@host"),
        ("http://host/x@y", "http://host/x@y", "http://***@y"),
        ("http:/ada:s3cret@ho st", "http:/ada:s3cret@ho st", "http:/***@ho st"),
        ("ada:s3cret@host", "ada:s3cret@host", "***@host"),
    ],
)
def test_a_login_is_left_out_of_the_address_and_never_said(url: str, bare: str, hidden: str) -> None:
    assert (without_login(url), hidden_login(url)) == (bare, hidden)


def test_a_login_that_no_header_takes_is_said_without_it() -> None:
    assert login_problem("http://ada:s3cret@host") == ""
    problem = login_problem("http://ada:s3c%0Aret@host")
    assert "invisible" in problem and "s3c" not in problem
