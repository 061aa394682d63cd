"""A web server that hangs is replaced, one that is merely slow is not."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from comfydash.serve.ports import listen
from comfydash.serve.pulse import LIMIT, Pulse
from tests.comfydash.serving import serving, wait_for


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    return clock


def look(pulse: Pulse, clock: Clock, seconds: int) -> list[bool]:
    looks = []
    for _ in range(seconds // 5):
        clock.now += 5
        looks.append(pulse.stands_still())
    return looks


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::", "::1"])
def test_nobody_answers_for_a_minute_and_then_somebody_does(clock, host):
    with listen(host, 0) as listener:
        pulse = Pulse(listener, 5)
        looks = look(pulse, clock, int(LIMIT) + 10)
        assert looks[:12] == [False] * 12 and looks[-1]
        listener.setblocking(True)
        with listener.accept()[0] as asked:  # the first question of all, late but answered
            assert asked.recv(1000).startswith(b"GET /livez HTTP/1.1")
            asked.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            assert look(pulse, clock, 5) == [False]
        pulse.restart()
        pulse._give_up()


def test_our_own_sleep_is_not_held_against_it(clock):
    with listen("127.0.0.1", 0) as listener:
        pulse = Pulse(listener, 5)
        look(pulse, clock, 50)
        clock.now += 3600
        assert not pulse.stands_still()
        pulse._give_up()


def test_a_port_that_refuses_is_no_answer(clock):
    with listen("127.0.0.1", 0) as listener:
        pulse = Pulse(listener, 5)
    assert look(pulse, clock, 70)[-1]
    pulse._give_up()


def test_a_stopped_web_server_is_replaced_and_the_login_link_names_its_port(tmp_path):
    with serving(tmp_path, "--no-worker", COMFYDASH_PULSE_LIMIT="8") as serve:
        assert serve.manage("login_link").startswith(f"{serve.url}/login/link/")
        first = serve.child("web")
        os.kill(first, signal.SIGSTOP)
        serve.wait_for_line("it had answered nobody for 8 s and was killed")
        serve.wait_for_line("ComfyDash is ready: ", times=2)
        assert wait_for(lambda: serve.child("web")) != first
        with socket.create_connection(("127.0.0.1", int(serve.url.rpartition(":")[2])), timeout=20) as caller:
            caller.sendall(b"GET /livez HTTP/1.1\r\nHost: any.example\r\nConnection: close\r\n\r\n")
            assert caller.recv(100).startswith(b"HTTP/1.1 200")
        assert serve.stop() == 0
    assert serve.manage("login_link").startswith("http://127.0.0.1:8082/")  # what the dead one wrote is not believed
