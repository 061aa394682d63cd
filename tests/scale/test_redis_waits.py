"""A Redis that hangs, dies or comes back: requests, transfers and pages go on, and the news come back by itself."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from comfydash.redis_channel_layer import RedisLayer
from downloads.inventory import scan
from downloads.worker.redis_queue import RedisQueue
from tests.comfydash.serving import Serve, serving, wait_for
from tests.comfydash.stories.test_socket import CATALOGUE, KEY
from tests.fakehub import FakeHub
from tests.fleet import redis_server
from tests.fleet.redis_server import RedisServer
from tests.scale.tcp_proxy import TcpProxy
from values.kept import Kept

pytestmark = [pytest.mark.redis, pytest.mark.slow]
BEARER = {"Authorization": f"Bearer {KEY}"}
MINUTE = 60  # seconds after which a wait counts as one without an end


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    if redis_server.program() is None:
        pytest.skip("no redis-server here: apt-get install redis-server")
    with RedisServer() as server:
        yield server


@pytest.fixture
def proxy(server: RedisServer) -> Iterator[TcpProxy]:
    with TcpProxy(server.port) as proxy:
        yield proxy


def url(proxy: TcpProxy) -> str:
    return f"redis://127.0.0.1:{proxy.port}/0"


# --- The parts, each for itself -----------------------------------------------------------------------------------


def test_a_worker_keeps_for_itself_what_a_hanging_redis_does_not_take(proxy: TcpProxy) -> None:
    queue = RedisQueue("hanging", url(proxy))
    queue.work_for(threading.Event())
    queue.enqueue(b"first")
    assert queue.dequeue() == b"first"
    proxy.hang()

    queue.enqueue(b"second")
    assert queue.dequeue() == b"second"
    assert queue.peek_many(["anything"]) == {}
    proxy.heal()
    wait_for(lambda: sent_and_received(queue, b"third"), MINUTE)


def test_elsewhere_it_is_dropped_and_nothing_is_raised(proxy: TcpProxy) -> None:
    queue = RedisQueue("dropped", url(proxy))
    proxy.cut()
    queue.enqueue(b"lost")
    assert queue.dequeue() is None
    proxy.heal()
    wait_for(lambda: sent_and_received(queue, b"after"), MINUTE)


def sent_and_received(queue: RedisQueue, data: bytes) -> bool:
    queue.enqueue(data)
    return queue.dequeue() == data


@pytest.mark.parametrize("trouble", ["cut", "hang"])
def test_who_receives_goes_on_after_redis_was_away(
    proxy: TcpProxy, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("comfydash.redis_channel_layer.LATE_SECONDS", 0.2)
    monkeypatch.setattr(RedisLayer, "brpop_timeout", 1)

    async def story() -> None:
        layer = RedisLayer(url(proxy))
        channel = await layer.new_channel()
        await layer.group_add("pages", channel)
        receiving = asyncio.ensure_future(layer.receive(channel))
        await asyncio.sleep(0)
        {"cut": proxy.cut, "hang": proxy.hang}[trouble]()
        while layer._receiving.worth_a_try:
            await asyncio.sleep(0.01)
        await layer.group_send("pages", {"type": "lost"})
        assert not receiving.done()
        proxy.heal()
        async with asyncio.timeout(MINUTE):
            while not receiving.done():
                await layer.group_add("pages", channel)
                await layer.group_send("pages", {"type": "news"})
                await asyncio.wait([receiving], timeout=0.1)
        assert receiving.result()["type"] in {"news", "lost"}
        await layer.close_pools()

    asyncio.run(story())


def test_a_redis_that_is_far_away_is_as_good_as_one_beside(proxy: TcpProxy) -> None:
    """Sixty milliseconds there and back: each answer is waited for by itself, and the connection stays."""
    proxy.delay = 0.03
    queue = RedisQueue("far", url(proxy))
    wait_for(lambda: sent_and_received(queue, b"news"), MINUTE)

    async def story() -> int:
        layer = RedisLayer(url(proxy))
        channel = await layer.new_channel()
        await layer.group_add("far", channel)
        before = proxy.accepted
        for number in range(5):
            await send_until_heard(layer, channel, number)
        await layer.close_pools()
        return proxy.accepted - before

    assert asyncio.run(story()) <= 2  # one that sends and one that receives


async def send_until_heard(layer: RedisLayer, channel: str, number: int) -> None:
    """What a busy machine does not send in time is dropped."""
    receiving = asyncio.ensure_future(layer.receive(channel))
    async with asyncio.timeout(MINUTE):
        while not receiving.done() or receiving.result()["number"] != number:
            if receiving.done():
                receiving = asyncio.ensure_future(layer.receive(channel))
            await layer.group_send("far", {"type": "news", "number": number})
            await asyncio.wait([receiving], timeout=0.5)


@pytest.mark.django_db
def test_who_hears_of_an_end_looks_at_the_disk_anew(
    proxy: TcpProxy, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine put the file there: this one has been told of it by nothing else."""
    settings.MODELS_DIR = tmp_path
    monkeypatch.setattr(scan, "_contents", Kept(3600.0))
    (tmp_path / "vae").mkdir()
    assert scan.models_index().find("vae/new.safetensors") is None

    async def story() -> None:
        layer = RedisLayer(url(proxy))
        channel = await layer.new_channel()
        await layer.group_add("disk", channel)
        (tmp_path / "vae/new.safetensors").write_bytes(b"x")
        await layer.group_send("disk", {"type": "dashboard.event", "event": {"type": "download_complete"}})
        async with asyncio.timeout(MINUTE):
            await layer.receive(channel)
        await layer.close_pools()

    asyncio.run(story())
    assert scan.models_index().find("vae/new.safetensors")


# --- A whole dashboard --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        yield hub


@pytest.fixture
def start(proxy: TcpProxy, hub: FakeHub, tmp_path: Path) -> Iterator[Callable[..., Serve]]:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/presets.yaml").write_text(CATALOGUE)
    variables = {
        "REDIS_URL": url(proxy),
        "HF_ENDPOINT": hub.url,
        "COMFYDASH_API_KEY": KEY,
        "COMFYDASH_ALLOW_PRIVATE_HOSTS": "on",
    }
    opened: list[Any] = []

    def run(*arguments: str, **more: str) -> Serve:
        context = serving(tmp_path, *arguments, **variables | more)
        opened.append(context)
        serve = context.__enter__()
        assert serve.url
        return serve

    yield run
    proxy.heal()
    for context in opened:
        context.__exit__(None, None, None)


def page(serve: Serve) -> ClientConnection:
    address = serve.url.replace("http://", "ws://") + "/ws/dashboard"
    return connect(address, additional_headers=BEARER, proxy=None, open_timeout=MINUTE)


def hear(opened: ClientConnection, kind: str) -> dict[str, Any]:
    message: dict[str, Any] = {}
    while message.get("type") != kind:
        message = json.loads(opened.recv(timeout=MINUTE))
    return message


def change_the_theme(serve: Serve) -> None:
    now = requests.get(f"{serve.url}/api/settings", headers=BEARER, timeout=MINUTE).json()["theme"]
    body = {"key": "theme", "value": "light" if now == "dark" else "dark"}
    requests.patch(f"{serve.url}/api/settings", json=body, headers=BEARER, timeout=MINUTE).raise_for_status()


def hears_news_again(serve: Serve, opened: ClientConnection) -> bool:
    change_the_theme(serve)
    try:
        return bool(json.loads(opened.recv(timeout=1))["type"] == "activity")
    except TimeoutError:
        return False


@pytest.mark.sampled(1)
@pytest.mark.parametrize("trouble", ["hang", "stop", "kill"])
def test_requests_are_answered_and_pages_beat_while_redis_is_away(
    start: Callable[..., Serve], proxy: TcpProxy, server: RedisServer, trouble: str
) -> None:
    serve = start("--no-worker")
    away, back = {
        "hang": (proxy.hang, proxy.heal),
        "stop": (server.stop, server.go_on),
        "kill": (server.kill, server.start),  # it comes back empty
    }[trouble]
    with page(serve) as opened:
        hear(opened, "snapshot")
        wait_for(lambda: hears_news_again(serve, opened), MINUTE)
        away()
        try:
            for _ in range(5):
                change_the_theme(serve)
            answer = requests.post(f"{serve.url}/api/presets/ONE/install", headers=BEARER, timeout=MINUTE)
            assert answer.json()["status"] == "queued"
            assert hear(opened, "heartbeat")["queue"] == ["ONE"]
            with page(serve) as another:
                assert hear(another, "snapshot")["queue"] == ["ONE"]
        finally:
            back()
        wait_for(lambda: hears_news_again(serve, opened), 2 * MINUTE)
    assert serve.output.count("Redis does not answer") >= 1


@pytest.mark.postgres
def test_an_install_runs_to_its_end_while_redis_hangs(
    start: Callable[..., Serve], proxy: TcpProxy, hub: FakeHub, postgres_url: str, tables: str
) -> None:
    """Asked for before Redis hangs, and asked for while it does; the worker is never replaced."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE redis_waits TEMPLATE {tables}")
    serve = start(DATABASE_URL=f"{postgres_url.rpartition('/')[0]}/redis_waits")
    serve.wait_until_healthy()
    worker = serve.child("worker")
    file = hub.add_file("org/one", "one.safetensors", size=12_000_000)
    gate = hub.gate(file, at_byte=6_000_000)
    requests.post(f"{serve.url}/api/presets/ONE/install", headers=BEARER, timeout=MINUTE)
    assert gate.reached.wait(MINUTE)
    proxy.hang()
    gate.open()
    hub.heal()
    wait_for(lambda: status(serve) == "completed", 2 * MINUTE, "completed")

    requests.delete(f"{serve.url}/api/presets/ONE/files", headers=BEARER, timeout=MINUTE).raise_for_status()
    requests.post(f"{serve.url}/api/presets/ONE/install", headers=BEARER, timeout=MINUTE)
    wait_for(lambda: status(serve) == "completed", 3 * MINUTE, "completed once more")
    assert serve.child("worker") == worker
    assert os.getpgid(worker)


def status(serve: Serve) -> str:
    answer = requests.get(f"{serve.url}/api/presets/ONE/status", headers=BEARER, timeout=MINUTE)
    return str(answer.json().get("status", ""))
