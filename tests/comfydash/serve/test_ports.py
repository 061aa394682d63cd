from __future__ import annotations

import os
import socket

import pytest

from comfydash.serve.ports import listen, url, who_listens
from comfydash.serve.trouble import CannotStart


def test_the_kernel_chooses_a_port_and_the_next_caller_learns_who_has_it():
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        assert who_listens(port).startswith(f"process {os.getpid()} (")
        with pytest.raises(CannotStart, match=f"Port {port} is taken by process {os.getpid()} "):
            listen("127.0.0.1", port)
        with pytest.raises(CannotStart, match=f"Port {port} is taken"):
            listen("0.0.0.0", port)


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("203.0.113.7", "is not an address of this machine"),
        ("no such name", "is no address of this machine"),
        ("a" * 300, "is no address of this machine"),
    ],
)
def test_an_address_that_is_not_ours(host, sentence):
    with pytest.raises(CannotStart, match=sentence):
        listen(host, 0)


def test_both_families_are_heard_on_the_wildcard():
    with listen("::", 0) as listener:
        port = listener.getsockname()[1]
        socket.create_connection(("127.0.0.1", port)).close()
        socket.create_connection(("::1", port)).close()


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", "http://127.0.0.1:1"), ("0.0.0.0", "http://127.0.0.1:1"), ("::1", "http://[::1]:1")],
)
def test_the_address_for_a_browser(host, expected):
    assert url(host, 1) == expected
