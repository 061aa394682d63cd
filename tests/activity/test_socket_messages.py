"""What is sent is what `activity.socket_messages` says, field for field."""

from __future__ import annotations

import asyncio
import types
from pathlib import Path
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from activity import events, socket_messages
from activity.socket_messages import ActivityNews, EndNews, Heartbeat, ProgressNews, QueueNews, QueueUpdated, Snapshot
from downloads import consumers
from downloads.models import DownloadFile, DownloadHistory, Status
from downloads.queue import enqueue
from downloads.worker.drain import drain_queue
from extension_points import WantedFile
from tests.downloads.makers import make_install
from tests.downloads.test_consumers import change, opened, told
from tests.fakehub import FakeHub

pytestmark = pytest.mark.django_db(transaction=True)


def faults(value: Any, wanted: Any, place: str = "message") -> list[str]:
    """Where a value is not of the type; [] when it is, field for field."""
    origin = get_origin(wanted)
    if origin is NotRequired:
        return faults(value, get_args(wanted)[0], place)
    if is_typeddict(wanted):
        if not isinstance(value, dict):
            return [f"{place} is no object"]
        hints = get_type_hints(wanted, include_extras=True)
        required = {name for name, kind in hints.items() if get_origin(kind) is not NotRequired}
        found = [f"{place}.{name} is missing" for name in required - value.keys()]
        found += [f"{place}.{name} is not on the list" for name in value.keys() - hints.keys()]
        both = value.keys() & hints.keys()
        return found + [fault for name in sorted(both) for fault in faults(value[name], hints[name], f"{place}.{name}")]
    if origin is Literal:
        return [] if value in get_args(wanted) else [f"{place} is {value!r}"]
    if origin in (Union, types.UnionType):
        kinds = get_args(wanted)
        return [] if any(not faults(value, kind, place) for kind in kinds) else [f"{place} is {value!r}"]
    if origin is list:
        return [fault for entry in value for fault in faults(entry, get_args(wanted)[0], f"{place}[]")]
    if origin is dict:
        return [fault for entry in value.values() for fault in faults(entry, get_args(wanted)[1], f"{place}{{}}")]
    if wanted is type(None):
        return [] if value is None else [f"{place} is {value!r}"]
    allowed = (int, float) if wanted is float else wanted
    good = isinstance(value, allowed) and not (isinstance(value, bool) and wanted is not bool)
    return [] if good else [f"{place} is {value!r}"]


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    sent: list[Any] = []
    monkeypatch.setattr(events, "_send", sent.append)
    return sent


def test_an_install_tells_what_is_written_down(hub: FakeHub, models: Path, news: list[Any]) -> None:
    good = hub.add_file("org/one", "one.safetensors", size=3_000_000)
    lost = hub.add_file("org/two", "two.safetensors", size=100_000)
    hub.fault("one.safetensors", origin="cdn", status=503, times=1)
    hub.fault("two.safetensors", status=404)
    for file in (good, lost):
        enqueue(file.path, file.path, [WantedFile(f"loras/{file.path}", file.url)])

    drain_queue()

    by_type = {one["type"]: one for one in news}
    assert by_type.keys() >= {"queue_updated", "download_progress", "download_complete", "download_failed", "activity"}
    types_of = {"queue_updated": QueueNews, "download_progress": ProgressNews, "activity": ActivityNews}
    assert [fault for one in news for fault in faults(one, types_of.get(one["type"], EndNews))] == []
    assert any("retry_in" in one for one in news if one["type"] == "download_progress")


def test_the_socket_sends_what_is_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "HEARTBEAT", 0.05)
    monkeypatch.setattr(consumers, "_picture", None)
    monkeypatch.setattr(consumers, "_reading", None)
    make_install(preset_id="RUNS")
    DownloadHistory.objects.update(status=Status.DOWNLOADING)
    make_install(preset_id="WAITS")
    assert DownloadFile.objects.exists()

    async def story() -> list[Any]:
        socket = await opened()
        heard = [await told(socket, "snapshot"), await told(socket, "heartbeat")]
        await change()
        heard.append(await told(socket, "queue_updated"))
        await socket.disconnect()
        return heard

    snapshot, heartbeat, updated = asyncio.run(story())
    assert "files" in snapshot["items"][0]
    assert (faults(snapshot, Snapshot), faults(heartbeat, Heartbeat), faults(updated, QueueUpdated)) == ([], [], [])


def test_every_kind_of_news_has_its_message() -> None:
    names = {literal for kind in get_args(socket_messages.News) for literal in _types(kind)}
    assert {literal for kind in get_args(socket_messages.Message) for literal in _types(kind)} == names | {
        "snapshot",
        "heartbeat",
    }
    assert names == {*(f"download_{end}" for end in ("complete", "failed", "waiting")), "download_progress"} | {
        "queue_updated",
        "activity",
        "presets_refreshed",
    }


def _types(kind: Any) -> tuple[str, ...]:
    return get_args(get_type_hints(kind)["type"])


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"type": "queue_updated", "more": 1}, "message.more is not on the list"),
        ({}, "message.type is missing"),
        ({"type": "activity"}, "message.type is 'activity'"),
        ([], "message is no object"),
    ],
)
def test_the_comparison_itself(value: Any, fault: str) -> None:
    assert faults(value, QueueNews) == [fault]
