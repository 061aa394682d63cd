from __future__ import annotations

import json

import pytest
from django.test import Client

from downloads.bounded_json import MOST_BYTES, bounded, encoded
from downloads.models import Status
from downloads.queue_status import queue_status
from settings_app.administrator import administrator
from tests.downloads.makers import WIDE, make_install, make_many

pytestmark = pytest.mark.django_db


def owner() -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(administrator())
    return client


def test_titles_ids_and_addresses_of_any_length_do_not_make_it_larger():
    make_many(600, wide=True)
    make_many(60, Status.WAITING, wide=True, start=1000)
    running = make_install(Status.DOWNLOADING, files=100, title=WIDE, error_message="✗" * 200_000)
    running.files.update(url="https://example.org/" + "ü" * 4000, error="✗" * 3000)

    answer = queue_status()
    script = owner().get("/api/presets/queue/status")

    assert len(json.dumps(answer)) <= MOST_BYTES + 10_000  # blanks between the fields
    assert len(script.content) <= 262_144
    assert answer["items"][0]["status"] == "downloading"
    assert answer["items"][0]["files"]
    assert answer["queue"]
    assert answer["queue_total"] == 600


@pytest.mark.parametrize(
    "message",
    [
        {"type": "download_failed", "error": "🎨" * 300_000},
        {"type": "activity", "title": "\x00" * 400_000, "details": {"deep": ["x" * 300_000] * 3}},
        {"type": "queue_updated", "queue": ["模" * 200] * 5000, "items": [{"files": [{"url": "u" * 4000}] * 100}] * 9},
        {"type": "odd", **{f"field {number}": "x" * 7000 for number in range(100)}},
    ],
)
def test_no_message_is_larger_than_the_promise(message):
    text = encoded(message)

    assert len(text.encode()) <= 262_144
    assert json.loads(text)["type"] == message["type"]


def test_what_is_small_enough_is_left_as_it_is():
    message = {"type": "activity", "title": "x" * 100_000}
    assert bounded(message) is message
