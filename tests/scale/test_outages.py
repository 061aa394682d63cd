"""A PostgreSQL that is away for a while: what waits is told, and everything goes on by itself once it is back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from tests.comfydash.serving import Serve, serving, wait_for
from tests.comfydash.stories.test_socket import CATALOGUE, KEY
from tests.fakehub import FakeHub
from tests.scale.tcp_proxy import TcpProxy

pytestmark = [pytest.mark.slow, pytest.mark.postgres]
BEARER = {"Authorization": f"Bearer {KEY}"}
LIMIT = 120  # seconds after which a wait counts as one without an end


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        yield hub


@pytest.fixture(scope="module")
def proxy(postgres_url: str) -> Iterator[TcpProxy]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE outages")
    port = urlsplit(postgres_url).port
    assert port
    with TcpProxy(port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def dash(hub: FakeHub, proxy: TcpProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    workspace: Path = tmp_path_factory.mktemp("workspace")
    (workspace / "config").mkdir()
    (workspace / "config/presets.yaml").write_text(CATALOGUE)
    variables = {
        "DATABASE_URL": f"postgres://postgres@127.0.0.1:{proxy.port}/outages",
        "HF_ENDPOINT": hub.url,
        "COMFYDASH_API_KEY": KEY,
        "COMFYDASH_ALLOW_PRIVATE_HOSTS": "on",
    }
    with serving(workspace, **variables) as dash:
        dash.wait_until_healthy()
        yield dash
        proxy.heal()


def ask(dash: Serve, method: str, path: str, **options: Any) -> requests.Response:
    return requests.request(method, f"{dash.url}{path}", headers=BEARER, timeout=LIMIT, **options)


def page(dash: Serve) -> ClientConnection:
    address = dash.url.replace("http://", "ws://") + "/ws/dashboard"
    return connect(address, additional_headers=BEARER, proxy=None, open_timeout=LIMIT)


def hear(opened: ClientConnection, kind: str) -> dict[str, Any]:
    message: dict[str, Any] = {}
    while message.get("type") != kind:
        message = json.loads(opened.recv(timeout=LIMIT))
    return message


def silent_beats(dash: Serve) -> int:
    return dash.output.count("The database did not answer for a page")


@pytest.mark.sampled(1)
@pytest.mark.parametrize("trouble", ["cut", "hang", "strand"])
def test_an_open_page_hears_again_when_the_database_is_back(dash: Serve, proxy: TcpProxy, trouble: str) -> None:
    """For longer than two heartbeats, or (stranded) for good on the connections of that moment."""
    with page(dash) as opened:
        hear(opened, "snapshot")
        before = silent_beats(dash)
        {"cut": proxy.cut, "hang": proxy.hang, "strand": proxy.strand}[trouble]()
        if trouble != "strand":
            wait_for(lambda: silent_beats(dash) >= before + 2, 2 * LIMIT, "two beats that the database did not answer")
        proxy.heal()
        assert hear(opened, "heartbeat")["queue"] == []
        theme = "light" if ask(dash, "GET", "/api/settings").json()["theme"] == "dark" else "dark"
        assert ask(dash, "PATCH", "/api/settings", json={"key": "theme", "value": theme}).ok
        hear(opened, "activity")


@pytest.mark.parametrize("trouble", ["cut", "hang"])
def test_pages_and_probes_say_that_the_database_is_away(dash: Serve, proxy: TcpProxy, trouble: str) -> None:
    {"cut": proxy.cut, "hang": proxy.hang}[trouble]()
    try:
        assert ask(dash, "GET", "/livez").status_code == 200
        health = ask(dash, "GET", "/healthz")
        assert (health.status_code, health.json()["database"]) == (503, "down")
        answer = ask(dash, "GET", "/api/downloads/history")
        assert answer.status_code == 503
        assert "does not answer: is it running, and is DATABASE_URL right?" in answer.json()["detail"]
    finally:
        proxy.heal()
    dash.wait_until_healthy()


@pytest.mark.parametrize("trouble", ["cut", "strand"])
def test_the_worker_and_the_poller_go_on_by_themselves(
    dash: Serve, proxy: TcpProxy, hub: FakeHub, trouble: str
) -> None:
    hub.heal()
    hub.add_file("org/one", "one.safetensors", size=1_000_000)
    worker = dash.child("worker")
    if trouble == "cut":
        proxy.cut()
        wait_for(lambda: dash.health()[0] == 503, LIMIT, "down")
        proxy.heal()
    else:
        proxy.strand()
    dash.wait_until_healthy()
    seen = ask(dash, "GET", "/api/comfyui/status").json()["checked_at"]
    wait_for(lambda: ask(dash, "GET", "/api/comfyui/status").json()["checked_at"] != seen, LIMIT, "ComfyUI is asked")
    assert ask(dash, "POST", "/api/presets/ONE/install").json()["status"] == "queued"
    wait_for(lambda: ask(dash, "GET", "/api/presets/ONE/status").json()["status"] == "completed", LIMIT, "completed")
    assert ask(dash, "DELETE", "/api/presets/ONE/files").ok
    assert dash.child("worker") == worker
