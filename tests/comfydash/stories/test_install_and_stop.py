"""An install is in the middle of its bytes when something ends."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.comfydash.serving import Serve, is_alive, serving, wait_for
from tests.fakehub import FakeHub

pytestmark = pytest.mark.slow

KEY = "test-key-0123456789abcdef01234567"
SIZE = 40_000_000
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


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        hub.add_file("org/one", "one.safetensors", size=SIZE)
        yield hub


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/presets.yaml").write_text(CATALOGUE)
    return tmp_path


def dashboard(workspace: Path, hub: FakeHub) -> Any:
    return serving(workspace, COMFYDASH_API_KEY=KEY, COMFYDASH_ALLOW_PRIVATE_HOSTS="on", HF_ENDPOINT=hub.url)


def ask(serve: Serve, method: str, path: str) -> dict[str, Any]:
    answer = requests.request(method, serve.url + path, headers={"Authorization": f"Bearer {KEY}"}, timeout=30)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def newest(serve: Serve) -> dict[str, Any]:
    rows = ask(serve, "GET", "/api/downloads/history?limit=1")["downloads"]
    return dict(rows[0]) if rows else {}


def start_and_stand_in_the_middle(serve: Serve, hub: FakeHub) -> None:
    gate = hub.gate("one.safetensors", at_byte=SIZE // 2)
    assert ask(serve, "POST", "/api/presets/ONE/install")["status"] == "queued"
    assert gate.reached.wait(60)


def wait_until_whole(serve: Serve, hub: FakeHub, workspace: Path) -> None:
    """Completed, every byte right, and not fetched twice."""
    wait_for(lambda: newest(serve)["status"] == "completed", name="completed")
    file = workspace / "models/checkpoints/one.safetensors"
    [published] = [each for each in file.parent.iterdir() if not each.name.startswith(".")]
    assert published == file
    wanted = hub.add_file("org/same", "one-again.safetensors", size=SIZE)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == wanted.sha256
    assert hub.sent("one.safetensors") < SIZE * 1.5


def test_a_stop_gives_the_install_back_and_the_next_start_goes_on(workspace, hub):
    with dashboard(workspace, hub) as serve:
        serve.wait_until_healthy()
        start_and_stand_in_the_middle(serve, hub)
        assert serve.stop(signal.SIGINT) == 0
    hub.heal()
    with dashboard(workspace, hub) as serve:
        wait_until_whole(serve, hub, workspace)


@pytest.mark.parametrize("victim", ["worker", "supervisor"])
def test_a_kill_interrupts_the_install_and_retry_goes_on(workspace, hub, victim):
    with dashboard(workspace, hub) as serve:
        serve.wait_until_healthy()
        start_and_stand_in_the_middle(serve, hub)
        worker = serve.child("worker")
        os.kill(worker if victim == "worker" else serve.process.pid, signal.SIGKILL)
        wait_for(lambda: not is_alive(worker), name="no worker")
        hub.heal()
        if victim == "worker":
            finish_after_a_kill(serve, hub, workspace)
    if victim == "supervisor":
        with dashboard(workspace, hub) as serve:
            finish_after_a_kill(serve, hub, workspace)


def finish_after_a_kill(serve: Serve, hub: FakeHub, workspace: Path) -> None:
    wait_for(lambda: newest(serve)["status"] == "failed", name="failed")
    row = newest(serve)
    assert (row["reason"], "Retry continues from" in row["error_message"]) == ("interrupted", True)
    ask(serve, "POST", "/api/presets/ONE/retry")
    wait_until_whole(serve, hub, workspace)
