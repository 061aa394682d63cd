"""What stands there against what is on record: by size and time, and by the hash where one is wanted."""

from __future__ import annotations

import hashlib
import os

import pytest

from downloads.file_records import ModelFile, RemoteFile
from downloads.inventory import scan
from downloads.inventory.knowledge import HERE, UNVERIFIED, Knowledge
from downloads.inventory.state import PENDING
from downloads.models import Status
from downloads.queue import enqueue
from downloads.worker.drain import drain_queue
from extension_points import WantedFile
from tests.downloads.worker.test_installer import SIZE, finished, install

pytestmark = pytest.mark.django_db(transaction=True)


PATH = "checkpoints/one.safetensors"


def sha256(place):
    return hashlib.sha256(place.read_bytes()).hexdigest()


def state(url, path=PATH, wanted=""):
    scan.forget()
    return Knowledge.gather([url]).state(path, url, wanted)


def touch(place, seconds=60):
    at = place.stat().st_mtime + seconds
    os.utime(place, (at, at))
    scan.forget()


def pinned(file, **kwargs):
    row, _ = enqueue("lock:x", "A lock", [WantedFile(PATH, file.url, file.size, file.sha256)], **kwargs)
    return row


@pytest.fixture
def one(hub, models):
    """A file that was installed."""
    file = hub.add_file("org/one", "one.safetensors", size=SIZE, seed=1)
    install(file)
    drain_queue()
    return file


def test_another_time_makes_it_unverified_and_it_is_never_fetched_again_for_that(hub, models, one):
    touch(models / PATH)
    assert state(one.url) == UNVERIFIED
    sent = hub.sent("one.safetensors")

    row = install(one, preset_id="C")
    drain_queue()

    assert (finished(row), row.files.get().status) == ((Status.COMPLETED, ""), "skipped")
    assert hub.sent("one.safetensors") == sent


def test_a_volume_that_keeps_two_seconds_changes_nothing(models, one):
    touch(models / PATH, -1.9)
    assert state(one.url) == HERE


def test_a_wanted_hash_is_proved_before_it_is_believed(hub, models, one):
    sent = hub.sent("one.safetensors")
    touch(models / PATH)

    row = pinned(one)
    drain_queue()

    assert (finished(row), row.files.get().status) == ((Status.COMPLETED, ""), "skipped")
    assert hub.sent("one.safetensors") == sent
    assert state(one.url) == HERE  # and the record is renewed


@pytest.mark.parametrize(("conflict", "end"), [("", Status.FAILED), ("replace", Status.COMPLETED)])
def test_changed_bytes_of_the_same_size_are_not_those_of_a_wanted_hash(models, one, conflict, end):
    place = models / PATH
    data = bytearray(place.read_bytes())
    data[-1] ^= 1
    place.write_bytes(data)
    touch(place)

    row = pinned(one, conflict=conflict)
    drain_queue()

    row.refresh_from_db()
    assert row.status == end
    assert row.reason == ("" if conflict else "path_conflict")
    assert (sha256(place) == one.sha256) == bool(conflict)


def test_a_record_that_was_written_before_a_kill_vouches_for_nothing(hub, models, one):
    """Old bytes, as large and as old as those on record."""
    new = hub.add_file("org/one", "one.safetensors", size=SIZE, seed=9)
    ModelFile.objects.update(sha256=new.sha256, mtime_ns=PENDING)
    RemoteFile.objects.update(sha256=new.sha256)
    assert state(new.url) == UNVERIFIED

    row = install(new, preset_id="A", force=True)
    drain_queue()

    assert finished(row) == (Status.COMPLETED, "")
    assert sha256(models / PATH) == new.sha256
    assert state(new.url) == HERE


def test_what_got_its_name_before_a_kill_is_hashed_and_not_fetched_twice(hub, models, one):
    ModelFile.objects.update(mtime_ns=PENDING)
    sent = hub.sent("one.safetensors")

    row = install(one, preset_id="A", force=True)
    drain_queue()

    assert finished(row) == (Status.COMPLETED, "")
    assert hub.sent("one.safetensors") == sent
    assert state(one.url) == HERE


def test_bytes_that_were_changed_in_place_are_not_vouched_for_although_no_folder_changed(models, one, monkeypatch):
    os.utime(models / "checkpoints", (1, 1))  # quiet for long: its list is believed
    scan.forget()
    assert Knowledge.gather([one.url]).state(PATH, one.url) == HERE
    monkeypatch.setattr(scan, "_look_again_at", 0.0)
    with (models / PATH).open("r+b") as file:
        file.seek(1000)
        file.write(b"other")
    os.utime(models / PATH, (1, 1))
    assert Knowledge.gather([one.url]).state(PATH, one.url) == UNVERIFIED
