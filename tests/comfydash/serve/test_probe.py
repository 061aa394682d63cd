from __future__ import annotations

import os
import socket
import threading
import time

import pytest

from comfydash.serve.locks import RoleLock
from comfydash.serve.probe import main


def answer_once(listener: socket.socket, status: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(("status", "expected"), [(b"200 OK", 0), (b"503 Service Unavailable", 1)])
def test_where_pages_are_served_healthz_decides(tmp_path, capsys, status, expected):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        lock = RoleLock(tmp_path, "web")
        lock.take()
        lock.sign(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=answer_once, args=(listener, status))
        thread.start()
        assert main(tmp_path) == expected
        thread.join()
        lock.release()
    assert main(tmp_path) == 1  # nobody listens any more


def test_where_only_the_worker_runs_its_heartbeat_decides(tmp_path, capsys):
    assert main(tmp_path) == 1
    beat = tmp_path / "worker.heartbeat"
    beat.touch()
    assert main(tmp_path) == 0
    old = time.time() - 120
    os.utime(beat, (old, old))
    assert main(tmp_path) == 1


def test_the_pages_of_another_container_are_not_asked(tmp_path, capsys):
    (tmp_path / "serve-web.lock").write_text(
        '{"pid": 1, "host": "elsewhere", "address": "http://127.0.0.1:1", "since": ""}'
    )
    (tmp_path / "worker.heartbeat").touch()
    assert main(tmp_path) == 0
    assert capsys.readouterr().out == "healthy\n"
