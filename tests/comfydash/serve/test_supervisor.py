"""``manage.py serve`` with real processes, real signals and ports from the kernel."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.comfydash.serving import START_SECONDS, errors_in_activity, is_alive, serving, wait_for

pytestmark = pytest.mark.slow


PAGES_ONLY = "--no-worker"


def test_one_command_brings_up_pages_and_worker_and_prints_a_login_link(tmp_path):
    with serving(tmp_path) as serve:
        assert serve.wait_until_healthy() == {"status": "ok", "database": "ok", "worker": "ok", "version": "0.1.0"}
        link = serve.wait_for_line("/login/link/").strip()
        assert link.startswith(serve.url)
        with urllib.request.urlopen(link, timeout=10) as answer:
            assert answer.status == 200
        assert {"web", "worker"} <= serve.children().keys()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything_in_order(tmp_path, number):
    with serving(tmp_path) as serve:
        serve.wait_until_healthy()
        children = serve.children()
        assert serve.stop(number) == 0
        assert "did not end in time" not in serve.output  # each child is killed after four seconds
        assert not any(map(is_alive, children.values()))
        assert "Traceback" not in serve.output


def test_open_pages_do_not_delay_the_end(tmp_path):
    with serving(tmp_path, PAGES_ONLY) as serve:
        host, port = serve.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as idle, socket.create_connection((host, int(port))) as busy:
            busy.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert busy.recv(20).startswith(b"HTTP/1.1 503")  # no worker anywhere: it says so
            idle.sendall(b"GET /")
            assert serve.stop() == 0


def test_a_killed_web_server_comes_back_and_nobody_is_turned_away(tmp_path):
    with serving(tmp_path, PAGES_ONLY) as serve:
        url, first = serve.url, serve.child("web")
        os.kill(first, signal.SIGKILL)
        with urllib.request.urlopen(
            f"{url}/login/", timeout=START_SECONDS
        ) as answer:  # waits in the supervisor's own socket
            assert answer.status == 200
        assert serve.child("web") != first
        wait_for(lambda: errors_in_activity(serve), name="an entry in the activity")
        [(title, subtitle)] = errors_in_activity(serve)
        assert title == "The web server ended and was started again"
        assert subtitle.startswith("it was killed by signal 9")
        assert "It starts again in 1 s." in serve.output


def test_a_web_server_that_never_comes_up_is_given_up(tmp_path):
    broken = tmp_path / "broken" / "autobahn"  # only the web server needs it
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('a broken installation')")
    with serving(tmp_path, PYTHONPATH=str(broken.parent)) as serve:
        assert serve.wait() == 1
        assert "a broken installation" in serve.output
        assert "It starts again in 2 s." in serve.output
        assert "does not come up at all" in serve.output
        assert not serve.children()


def test_a_killed_worker_comes_back(tmp_path):
    with serving(tmp_path) as serve:
        serve.wait_until_healthy()
        first = serve.child("worker")
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: serve.children().get("worker", first) != first, name="a new worker")
        wait_for(lambda: errors_in_activity(serve), name="an entry in the activity")
        assert errors_in_activity(serve)[0][0] == "The worker ended and was started again"
        assert serve.stop() == 0


def test_a_worker_that_hangs_is_found_and_replaced(tmp_path):
    with serving(tmp_path, COMFYDASH_HEARTBEAT_LIMIT="3") as serve:  # it beats every half second
        serve.wait_until_healthy()
        first = serve.child("worker")
        os.kill(first, signal.SIGSTOP)
        serve.wait_for_line("it had not moved for 3 s and was killed")
        wait_for(lambda: serve.children().get("worker", first) != first, name="a new worker")
        assert not is_alive(first)


def test_a_busy_machine_does_not_look_like_a_hanging_worker(tmp_path):
    with serving(tmp_path, COMFYDASH_HEARTBEAT_LIMIT="6") as serve:
        serve.wait_until_healthy()
        first = serve.child("worker")
        everybody = [serve.process.pid, *serve.children().values()]
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(6.5)  # longer than the limit: the whole machine sleeps, that is the point
        for pid in reversed(everybody):
            os.kill(pid, signal.SIGCONT)
        serve.wait_until_healthy()
        assert serve.child("worker") == first


def test_pages_and_worker_may_run_apart_on_one_workspace(tmp_path):
    with serving(tmp_path, "--no-worker") as pages, serving(tmp_path, "--no-web") as worker:
        pages.wait_until_healthy()
        assert "worker" not in pages.children()
        assert "web" not in worker.children()
        assert worker.stop() == 0
        assert pages.stop() == 0


def test_the_supervisor_does_not_load_django():
    code = (
        "import sys, comfydash.serve.supervisor; "
        "sys.exit(any(name.split('.')[0] in {'django', 'twisted', 'huey'} for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
