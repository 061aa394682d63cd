"""What the client makes of a ComfyUI that is well, down, slow, hidden behind a login, or no ComfyUI at all."""

import base64
import gzip
import logging
import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from comfyui.address import parse
from comfyui.client import Client, ComfyError
from tests.fakecomfy import FakeComfy


def trouble(client: Client) -> tuple[str, str]:
    with pytest.raises(ComfyError) as caught:
        client.system_stats()
    return caught.value.trouble, str(caught.value)


def test_it_reads_both_versions(client: Client, older: FakeComfy) -> None:
    assert client.system_stats()["system"]["comfyui_version"] == "0.33.0"
    assert client.queue_remaining() == 0
    with Client(parse(older.url)) as other:
        assert other.system_stats()["system"]["os"] == "posix"
        with pytest.raises(ComfyError) as caught:
            other.jobs()
        assert caught.value.trouble == "missing"


def test_a_closed_port_is_down(comfy: FakeComfy, client: Client) -> None:
    comfy.stop()
    found, sentence = trouble(client)
    assert found == "down"
    assert "starting, stopped, or elsewhere" in sentence


def test_a_server_that_accepts_and_never_answers_is_slow(comfy: FakeComfy) -> None:
    comfy.hang()
    with Client(parse(comfy.url), read=0.2) as client:
        assert trouble(client)[0] == "slow"


def test_a_server_that_trickles_is_slow(comfy: FakeComfy) -> None:
    comfy.trickle = True
    with Client(parse(comfy.url), read=0.3) as client:
        assert trouble(client)[0] == "slow"


@pytest.mark.parametrize("body", [b"", b"<!doctype html>", b"null", b"[]", b'{"system": 4}', b"[" * 100_000])
def test_something_else_on_the_port_is_no_comfyui(comfy: FakeComfy, client: Client, body: bytes) -> None:
    comfy.fixed["/system_stats"] = (200, body)
    assert trouble(client)[0] == "not_comfyui"


def test_a_server_that_speaks_no_http_is_down(comfy: FakeComfy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with Client(parse(f"http://127.0.0.1:{listener.getsockname()[1]}")) as client:
            assert trouble(client)[0] == "down"
        thread.join()


@pytest.mark.parametrize(
    ("status", "found"),
    [(401, "login"), (403, "login"), (302, "login"), (404, "missing"), (500, "broken"), (502, "down"), (418, "broken")],
)
def test_each_status_has_its_sentence(comfy: FakeComfy, client: Client, status: int, found: str) -> None:
    comfy.fixed["/system_stats"] = (status, b"")
    assert trouble(client)[0] == found


def test_credentials_are_a_header_and_nowhere_else(comfy: FakeComfy, caplog: pytest.LogCaptureFixture) -> None:
    comfy.login = ("ann", "p@ss/word")
    comfy.prefix = "/comfy"
    caplog.set_level(logging.DEBUG)
    address = parse(f"http://ann:p%40ss%2Fword@127.0.0.1:{comfy.port}/comfy/")
    with Client(address) as client:
        assert client.system_stats()["devices"]
        comfy.login = ("ann", "changed")
        found, sentence = trouble(client)
    assert found == "login"
    secrets = ("p@ss", "p%40ss", base64.b64encode(b"ann:p@ss/word").decode())
    for text in (sentence, repr(address), address.base, caplog.text):
        assert not any(secret in text for secret in secrets)


def test_an_answer_that_never_ends_is_left(comfy: FakeComfy, client: Client) -> None:
    comfy.fixed["/view"] = (200, b"x" * 3_000_000)
    with pytest.raises(ComfyError) as caught:
        client.view("a.png", "", "output", most=1_000_000)
    assert caught.value.trouble == "too_large"
    assert client.bytes < 1_500_000


def test_it_asks_for_no_compression(comfy: FakeComfy, client: Client) -> None:
    comfy.fixed["/system_stats"] = (200, gzip.compress(b"{}"))
    assert trouble(client)[0] == "not_comfyui"
    assert comfy.log[-1].headers["Accept-Encoding"] == "identity"


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{listener.getsockname()[1]}")
        yield listener


def test_loopback_is_asked_without_the_proxy_of_the_environment(proxy: socket.socket, comfy: FakeComfy) -> None:
    with Client(parse(comfy.url)) as client:
        assert client.system_stats()["devices"]


def test_another_machine_is_asked_through_it(proxy: socket.socket) -> None:
    with Client(parse("http://comfy.example:8188"), read=0.2) as client:
        assert trouble(client)[0] == "slow"
    connection, _ = proxy.accept()
    with connection:
        assert connection.recv(100).startswith(b"GET http://comfy.example:8188/system_stats")


def test_the_connection_is_kept(comfy: FakeComfy, client: Client) -> None:
    for _ in range(5):
        client.system_stats()
    assert len({request.client_port for request in comfy.log}) == 1


def test_a_file_of_the_same_name_is_not_overwritten(comfy: FakeComfy, client: Client) -> None:
    assert client.save_userdata("workflows/ours/my wf.json", b"{}") is True
    assert client.save_userdata("workflows/ours/my wf.json", b"[]") is False
    assert client.userdata("workflows/ours/my wf.json") == b"{}"


def test_in_multi_user_mode_it_must_say_who(comfy: FakeComfy, client: Client) -> None:
    assert client.users() == {}
    comfy.users = {"ann_1": "ann"}
    assert client.users() == {"ann_1": "ann"}
    with pytest.raises(ComfyError):
        client.save_userdata("workflows/a.json", b"{}")
    assert client.save_userdata("workflows/a.json", b"{}", user="ann_1")


def test_a_refused_workflow_says_why(comfy: FakeComfy, client: Client) -> None:
    with pytest.raises(ComfyError) as caught:
        client.submit({"prompt": {"1": {"class_type": "X", "inputs": {}}}})
    assert caught.value.trouble == "refused"
    assert caught.value.body["error"]["extra_info"]["class_type"] == "X"


def test_browsers_of_other_sites_are_refused_and_we_are_not(comfy: FakeComfy, client: Client) -> None:
    client.system_stats()
    assert requests.get(f"{comfy.url}/", headers={"Sec-Fetch-Site": "cross-site"}, timeout=5).status_code == 403
    assert requests.get(f"{comfy.url}/", headers={"Origin": "http://evil.example"}, timeout=5).status_code == 403
    assert requests.get(f"{comfy.url}/", headers={"Sec-Fetch-Site": "same-site"}, timeout=5).status_code == 200
