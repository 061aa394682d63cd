from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from comfydash.local_channel_layer import BACKLOG_BYTES, SocketChannelLayer
from volumes.runtime_folder import RuntimeFolder

GROUP = "dashboard"


def event(number: int, type: str = "activity", **fields: Any) -> dict[str, Any]:
    return {"type": "dashboard.event", "event": {"type": type, "number": number, **fields}}


END = event(-1, "end")


@contextmanager
def reader(data_dir: Path, members: int = 1) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.comfydash.layer_reader", str(data_dir), str(members)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def seen_by(process: subprocess.Popen[str]) -> list[list[int]]:
    out, _ = process.communicate(timeout=20)
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def layer(tmp_path: Path) -> Iterator[SocketChannelLayer]:
    layer = SocketChannelLayer(str(tmp_path))
    yield layer
    asyncio.run(layer.close())
    with suppress(OSError):
        RuntimeFolder(tmp_path).path.rmdir()


def test_fifty_members_in_another_process_hear_every_event_in_order(layer, tmp_path):
    send = async_to_sync(layer.group_send)
    with reader(tmp_path, members=50) as process:
        for number in range(100):  # fifty a second for two seconds
            started = time.monotonic()
            send(GROUP, event(number))
            time.sleep(max(0.0, 0.02 - (time.monotonic() - started)))
        send(GROUP, END)
        assert seen_by(process) == [list(range(100))] * 50


def test_several_web_processes_each_hear_everything(layer, tmp_path):
    with reader(tmp_path) as one, reader(tmp_path) as two:
        for message in [event(1), event(2), END]:
            async_to_sync(layer.group_send)(GROUP, message)
        assert [seen_by(one), seen_by(two)] == [[[1, 2]], [[1, 2]]]


def test_a_stopped_reader_holds_up_neither_the_sender_nor_the_others(layer, tmp_path):
    send = async_to_sync(layer.group_send)
    padding = "x" * 2000
    with reader(tmp_path) as stopped, reader(tmp_path) as healthy:
        stopped.send_signal(signal.SIGSTOP)
        for number in range(2000):  # 4 MB: more than the socket and the backlog hold
            send(GROUP, event(number, padding=padding))
            if number % 50 == 0:
                time.sleep(0.001)  # the healthy one reads as fast as a browser's consumer would
        send(GROUP, END)
        assert seen_by(healthy) == [list(range(2000))]
        stopped.send_signal(signal.SIGCONT)
        [seen] = seen_by(stopped)
        assert seen == sorted(set(seen))
        assert seen[-1] == 1999  # bounded, and the newest news stays
        assert len(seen) < 2000


def test_progress_is_dropped_before_news(layer, tmp_path):
    send = async_to_sync(layer.group_send)
    padding = "x" * 1000
    with reader(tmp_path) as slow:
        slow.send_signal(signal.SIGSTOP)
        for number in range(1000):
            send(GROUP, event(number, "download_progress", padding=padding))
        for number in range(5000, 5010):
            send(GROUP, event(number))
        send(GROUP, END)
        slow.send_signal(signal.SIGCONT)
        [seen] = seen_by(slow)
        assert seen[-10:] == list(range(5000, 5010))
        assert len(seen) < 1000


def test_the_last_event_of_a_burst_arrives_without_another_one(layer, tmp_path):
    with reader(tmp_path) as slow:
        slow.send_signal(signal.SIGSTOP)
        for number in range(300):
            async_to_sync(layer.group_send)(GROUP, event(number, padding="x" * 2000))
        async_to_sync(layer.group_send)(GROUP, END)  # nothing is sent after this
        slow.send_signal(signal.SIGCONT)
        assert seen_by(slow) == [list(range(300))]


def test_the_socket_of_a_killed_process_is_removed(layer, tmp_path):
    with reader(tmp_path) as process:
        process.kill()
        process.wait()
        assert len(RuntimeFolder(tmp_path).sockets()) == 1
        async_to_sync(layer.group_send)(GROUP, event(1))
        assert RuntimeFolder(tmp_path).sockets() == []


def test_nothing_listening_is_no_error(layer):
    async_to_sync(layer.group_send)(GROUP, event(1))


def receive(layer: SocketChannelLayer, send: Any) -> Any:
    async def run() -> Any:
        name = await layer.new_channel()
        await layer.group_add(GROUP, name)
        await send()
        return await asyncio.wait_for(layer.receive(name), 5)

    return asyncio.run(run())


def test_an_event_from_the_owning_loop_arrives_once(layer):
    async def run() -> list[int]:
        name = await layer.new_channel()
        await layer.group_add(GROUP, name)
        await layer.group_send(GROUP, event(1))
        await layer.group_send(GROUP, event(2))
        return [(await asyncio.wait_for(layer.receive(name), 5))["event"]["number"] for _ in range(2)]

    assert asyncio.run(run()) == [1, 2]


def test_an_event_from_a_sync_view_arrives(layer):
    got = receive(layer, lambda: sync_to_async(async_to_sync(layer.group_send))(GROUP, event(7)))
    assert got == event(7)


def test_an_event_from_a_bare_thread_of_the_web_process_arrives_at_once(layer):
    async def send() -> None:
        threading.Thread(target=async_to_sync(layer.group_send), args=(GROUP, event(8))).start()

    assert receive(layer, send) == event(8)


def test_a_full_member_keeps_the_newest_news(layer):
    async def run() -> list[int]:
        await layer.group_add(GROUP, "reader")
        await layer.group_send(GROUP, event(0))
        for number in range(1, 200):
            await layer.group_send(GROUP, event(number, "download_progress"))
        await layer.group_send(GROUP, event(200))
        numbers = []
        while "reader" in layer.channels:
            numbers.append((await layer.receive("reader"))["event"]["number"])
        return numbers

    numbers = asyncio.run(run())
    assert (len(numbers), numbers[0], numbers[-2:]) == (100, 0, [199, 200])


def test_a_member_dropped_by_expiry_hears_again_after_joining_again(tmp_path):
    async def run() -> int:
        layer = SocketChannelLayer(str(tmp_path), expiry=-1)  # every unread message is too old at once
        await layer.group_add(GROUP, "reader")
        await layer.group_send(GROUP, event(1))
        await layer.group_send(GROUP, event(2))  # finds the first one expired, ends the membership
        assert "reader" not in layer.groups[GROUP]
        layer.expiry = 60
        await layer.group_add(GROUP, "reader")
        await layer.group_send(GROUP, event(3))
        number: int = (await asyncio.wait_for(layer.receive("reader"), 5))["event"]["number"]
        await layer.close()
        return number

    assert asyncio.run(run()) == 3


def test_rubbish_on_the_socket_is_ignored(layer, tmp_path):
    async def send() -> None:
        [path] = RuntimeFolder(tmp_path).sockets()
        with socket.socket(socket.AF_UNIX) as sender:
            sender.connect(str(path))
            sender.sendall(b'not json\n[1]\n{"a":1}\n["dashboard",' + json.dumps(event(3)).encode() + b"]\nhalf a li")

    assert receive(layer, send) == event(3)


def test_a_new_loop_gets_a_new_socket(layer, tmp_path):
    for number in (1, 2):
        assert receive(layer, lambda number=number: layer.group_send(GROUP, event(number))) == event(number)
        assert len(RuntimeFolder(tmp_path).sockets()) == 1


def test_the_last_one_out_takes_the_folder_along(layer, tmp_path):
    receive(layer, lambda: layer.group_send(GROUP, event(1)))
    assert RuntimeFolder(tmp_path).path.is_dir()
    asyncio.run(layer.close())
    assert not RuntimeFolder(tmp_path).path.exists()


def test_what_json_cannot_say_is_a_type_error(layer):
    with pytest.raises(TypeError):
        async_to_sync(layer.group_send)(GROUP, {"type": "dashboard.event", "event": object()})


def test_the_backlog_holds_at_least_a_thousand_events():
    assert BACKLOG_BYTES // len(json.dumps(event(1, "download_progress", padding="x" * 600))) > 1000
