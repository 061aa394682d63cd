"""A path that other bytes have: replace them, or keep both; and what counts as here when times or hashes differ."""

from __future__ import annotations

import hashlib
import os

import pytest

from downloads import disk
from downloads.beside import address_hash, beside, original
from downloads.drain import drain_queue
from downloads.file_state import PENDING
from downloads.files import CONFLICT, HERE, UNVERIFIED, Knowledge
from downloads.models import DownloadHistory, ModelFile, RemoteFile, Status
from downloads.queue import WantedFile, enqueue
from tests.downloads.test_run import SIZE, finished, install
from tests.fakehub import safetensors_bytes

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "checkpoints/one.safetensors"


def sha256(place):
    return hashlib.sha256(place.read_bytes()).hexdigest()


def state(url, path=PATH, wanted=""):
    disk.forget()
    return Knowledge.gather([url]).state(path, url, wanted)


def touch(place, seconds=60):
    at = place.stat().st_mtime + seconds
    os.utime(place, (at, at))
    disk.forget()


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


@pytest.fixture
def other(hub, models, one):
    """Another file of the same size and name, whose install found the path taken."""
    file = hub.add_file("org/other", "one.safetensors", size=SIZE, seed=2)
    install(file, preset_id="B")
    drain_queue()
    return file


def test_a_path_that_is_taken_is_told_with_both_ways_out_and_nothing_is_fetched(hub, one, other):
    row = DownloadHistory.objects.get(preset_id="B")
    assert finished(row) == (Status.FAILED, "path_conflict")
    assert "Replace the file" in row.error_message
    assert "Keep both" in row.error_message
    assert hub.sent("org/other") == 0


def test_replace_puts_the_new_one_in_the_old_ones_place(models, one, other):
    row = DownloadHistory.objects.get(preset_id="B").retry("replace")
    drain_queue()

    assert finished(row) == (Status.COMPLETED, "")
    assert sha256(models / PATH) == other.sha256 == ModelFile.objects.get().sha256
    assert (state(other.url), state(one.url)) == (HERE, CONFLICT)


def test_a_replacement_that_fails_leaves_the_old_file(hub, models, one, other):
    hub.fault(other, origin="cdn", status=404)
    row = DownloadHistory.objects.get(preset_id="B").retry("replace")
    drain_queue()

    assert row.__class__.objects.get(pk=row.pk).status == Status.FAILED
    assert sha256(models / PATH) == one.sha256
    assert state(one.url) == HERE


def test_keep_both_puts_it_beside_and_each_counts_as_here(models, one, other):
    row = DownloadHistory.objects.get(preset_id="B").retry("keep_both")
    drain_queue()

    kept = f"checkpoints/one-{other.sha256[:8]}.safetensors"
    assert finished(row) == (Status.COMPLETED, "")
    assert (sha256(models / PATH), sha256(models / kept)) == (one.sha256, other.sha256)
    assert (state(one.url), state(other.url)) == (HERE, HERE)
    knowledge = Knowledge.gather()
    assert (knowledge.place(PATH, one.url), knowledge.place(PATH, other.url)) == (PATH, kept)

    again = install(other, preset_id="B")
    drain_queue()
    assert (finished(again), again.files.get().status) == ((Status.COMPLETED, ""), "skipped")


def test_without_a_hash_beforehand_the_address_gives_the_name(hub, models, one):
    data = safetensors_bytes(SIZE + 8, seed=3)
    plain = hub.add_document("one.safetensors", data)
    row, _ = enqueue("C", "C", [WantedFile(PATH, plain.url)], conflict="keep_both")
    drain_queue()

    assert finished(row) == (Status.COMPLETED, "")
    assert (models / f"checkpoints/one-{address_hash(plain.url)[:8]}.safetensors").read_bytes() == data
    assert state(plain.url) == HERE


def test_the_wish_survives_pause_retry_and_a_second_click(one, other):
    row = DownloadHistory.objects.get(preset_id="B").retry("keep_both")
    row.pause()
    row.resume()
    same, created = enqueue("B", "B", [WantedFile(PATH, other.url)])
    assert (same.conflict, created) == ("keep_both", False)
    enqueue("B", "B", [WantedFile(PATH, other.url)], conflict="replace")
    row.refresh_from_db()
    assert row.conflict == "replace"
    row.cancel()
    assert row.retry().conflict == "replace"


def test_names_beside_lead_back_to_their_path():
    kept = beside("loras/a.b.safetensors", "1234abcd" * 8, "")
    assert kept == "loras/a.b-1234abcd.safetensors"
    assert original(kept) == ("loras/a.b.safetensors", "1234abcd")
    assert original("loras/a.safetensors") == ("", "")


# --- what counts as here -------------------------------------------------------------------------------------------


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


def test_a_decomposed_file_is_not_fetched_again(hub, models):
    file = hub.add_file("org/one", "\u00e9.safetensors", size=SIZE)
    install(file)
    drain_queue()
    (models / "checkpoints/\u00e9.safetensors").rename(models / "checkpoints/e\u0301.safetensors")
    disk.forget()

    row = install(file, preset_id="B")
    drain_queue()
    assert (finished(row), row.files.get().status) == ((Status.COMPLETED, ""), "skipped")

    forced = install(file, preset_id="B", force=True)
    drain_queue()
    assert finished(forced) == (Status.COMPLETED, "")
    assert [place.name for place in (models / "checkpoints").iterdir()] == ["e\u0301.safetensors"]
