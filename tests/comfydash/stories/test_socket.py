"""The dashboard's WebSocket, from outside: a real server, a real worker, a fake Hub."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, contextmanager

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.comfydash.serving import serving, wait_for
from tests.fakehub import FakeHub

KEY = "test-key-0123456789abcdef01234567"
CATALOGUE = """
metadata: {version: "1.0"}
categories: {Image Generation: {description: Pictures, type: image}}
presets:
  ONE:
    name: One
    category: Image Generation
    type: image
    description: One file
    files: [{path: checkpoints/one.safetensors, url: "https://huggingface.co/org/one/resolve/main/one.safetensors"}]
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def hub():
    with FakeHub() as hub:
        yield hub


@pytest.fixture(scope="module")
def dash(hub, tmp_path_factory):
    workspace = tmp_path_factory.mktemp("workspace")
    (workspace / "config").mkdir()
    (workspace / "config/presets.yaml").write_text(CATALOGUE)
    with serving(workspace, COMFYDASH_API_KEY=KEY, COMFYDASH_ALLOW_PRIVATE_HOSTS="on", HF_ENDPOINT=hub.url) as dash:
        dash.wait_until_healthy()
        yield dash


@contextmanager
def socket(dash, *, key=KEY, origin=None, host=None):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if host:
        headers["Host"] = host
    url = dash.url.replace("http://", "ws://") + "/ws/dashboard"
    with connect(url, additional_headers=headers, origin=origin, proxy=None, open_timeout=20) as opened:
        yield opened


def test_the_first_message_is_the_whole_truth(dash):
    with socket(dash) as opened:
        message = json.loads(opened.recv(timeout=20))

    assert {"type": "snapshot", "seq": 0, "current": None, "queue": [], "items": []}.items() <= message.items()
    assert message["worker"]["alive"] is True
    assert message["time"].endswith("Z")


def test_an_install_is_told_from_queue_to_end_in_order(dash, hub):
    file = hub.add_file("org/one", "one.safetensors", size=12_000_000)
    hub.total_speed = 12_000_000
    with socket(dash) as opened:
        opened.recv(timeout=20)
        answer = requests.post(
            f"{dash.url}/api/presets/ONE/install", headers={"Authorization": f"Bearer {KEY}"}, timeout=20
        )
        assert answer.json()["status"] == "queued"
        messages: list[dict] = []
        while not messages or messages[-1]["type"] != "download_complete":
            messages.append(json.loads(opened.recv(timeout=30)))

    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    kinds = [message["type"] for message in messages]
    assert {"queue_updated", "download_progress", "activity"} <= set(kinds)
    progress = [message for message in messages if message["type"] == "download_progress"]
    downloaded = [message["downloaded"] for message in progress]
    assert downloaded == sorted(downloaded)
    assert progress[-1]["total"] == progress[-1]["file_total"] == file.size
    assert {"preset_id": "ONE", "file": "checkpoints/one.safetensors", "files_total": 1}.items() <= progress[0].items()
    assert messages[-1]["preset_id"] == "ONE"


def test_without_login_the_socket_says_so_and_closes(dash):
    with socket(dash, key="") as opened, pytest.raises(ConnectionClosed) as closed:
        opened.recv(timeout=20)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 4401


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:8188", "null"])
def test_a_page_of_another_origin_is_refused_before_the_handshake(dash, origin):
    with pytest.raises(InvalidStatus) as refused, socket(dash, origin=origin):
        pass
    assert refused.value.response.status_code in {400, 403}  # the WebSocket library itself refuses null


def test_our_own_page_may_open_it(dash):
    with socket(dash, origin=dash.url) as opened:
        assert json.loads(opened.recv(timeout=20))["type"] == "snapshot"


def test_what_a_client_sends_is_dropped(dash):
    with socket(dash) as opened:
        opened.recv(timeout=20)
        opened.send("{not json")
        opened.send(b"\x00" * 1000)
        requests.delete(f"{dash.url}/api/presets/ONE/files", headers={"Authorization": f"Bearer {KEY}"}, timeout=20)
        assert wait_for(lambda: json.loads(opened.recv(timeout=20)))


@pytest.mark.parametrize("number", [121, 1000])
def test_a_long_queue_does_not_close_the_socket(tmp_path, number):
    """More than the 64 KB that a page may say."""
    with serving(tmp_path, "--no-worker", COMFYDASH_API_KEY=KEY) as dash:
        wait_for(lambda: dash.url)
        with closing(sqlite3.connect(tmp_path / "data/dashboard.db", timeout=20)) as database, database:
            database.executemany(
                "INSERT INTO download_history (preset_id, title, status, reason, error_message, force, conflict,"
                " files_completed, files_total, bytes_done, bytes_total, position, claim, attempts, queued_at)"
                " VALUES (?, ?, 'queued', '', '', 0, '', 0, 1, 0, 9, ?, 0, 0, '2026-01-01 00:00:00')",
                [(f"workflow:{index}-{'x' * 180}", "模型🎨" * 70, index) for index in range(number)],
            )
        with socket(dash) as opened:
            snapshot = opened.recv(timeout=20)
            assert len(snapshot) > 65_536
            assert len(snapshot.encode()) <= 262_144
            assert json.loads(snapshot)["queue_total"] == number
            first = database_row(tmp_path)
            answer = requests.post(
                f"{dash.url}/api/downloads/{first}/move?to=bottom",
                headers={"Authorization": f"Bearer {KEY}"},
                timeout=20,
            )
            assert answer.status_code == 200
            assert json.loads(opened.recv(timeout=20))["type"] == "queue_updated"


def test_a_page_that_says_too_much_is_still_refused(dash):
    with socket(dash) as opened, pytest.raises(ConnectionClosed) as closed_by:
        opened.recv(timeout=20)
        opened.send("x" * 70_000)
        while True:
            opened.recv(timeout=20)
    assert closed_by.value.rcvd is None or closed_by.value.rcvd.code in {1008, 1009}


def database_row(workspace):
    with closing(sqlite3.connect(workspace / "data/dashboard.db", timeout=20)) as database:
        return database.execute("SELECT id FROM download_history ORDER BY position LIMIT 1").fetchone()[0]
