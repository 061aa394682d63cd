"""A path that other bytes have: replace them, or keep both; and what counts as here when times or hashes differ."""

from __future__ import annotations

import hashlib
import os
import threading

import pytest

from downloads.file_records import ModelFile, RemoteFile
from downloads.inventory import scan
from downloads.inventory.keep_both import address_hash
from downloads.inventory.knowledge import CONFLICT, HERE, MISSING, PARTIAL, UNVERIFIED, Knowledge, is_complete, is_here
from downloads.inventory.scan import FoundFile
from downloads.inventory.state import PENDING
from downloads.models import DownloadHistory, Status
from downloads.queue import enqueue, retry
from downloads.worker.drain import drain_queue
from extension_points import WantedFile
from tests.downloads.worker.test_installer import SIZE, finished, install
from tests.fakehub import safetensors_bytes

pytestmark = pytest.mark.django_db(transaction=True)


PATH = "checkpoints/one.safetensors"


def sha256(place):
    return hashlib.sha256(place.read_bytes()).hexdigest()


def state(url, path=PATH, wanted=""):
    scan.forget()
    return Knowledge.gather([url]).state(path, url, wanted)


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
    row = retry(DownloadHistory.objects.get(preset_id="B"), "replace")
    drain_queue()

    assert finished(row) == (Status.COMPLETED, "")
    assert sha256(models / PATH) == other.sha256 == ModelFile.objects.get().sha256
    assert (state(other.url), state(one.url)) == (HERE, CONFLICT)


def test_a_replacement_that_fails_leaves_the_old_file(hub, models, one, other):
    hub.fault(other, origin="cdn", status=404)
    row = retry(DownloadHistory.objects.get(preset_id="B"), "replace")
    drain_queue()

    assert row.__class__.objects.get(pk=row.pk).status == Status.FAILED
    assert sha256(models / PATH) == one.sha256
    assert state(one.url) == HERE


def test_keep_both_puts_it_beside_and_each_counts_as_here(models, one, other):
    row = retry(DownloadHistory.objects.get(preset_id="B"), "keep_both")
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
    row = retry(DownloadHistory.objects.get(preset_id="B"), "keep_both")
    row.pause()
    row.resume()
    same, created = enqueue("B", "B", [WantedFile(PATH, other.url)])
    assert (same.conflict, created) == ("keep_both", False)
    enqueue("B", "B", [WantedFile(PATH, other.url)], conflict="replace")
    row.refresh_from_db()
    assert row.conflict == "replace"
    row.cancel()
    assert retry(row).conflict == "replace"


def test_a_decomposed_file_is_not_fetched_again(hub, models):
    file = hub.add_file("org/one", "\u00e9.safetensors", size=SIZE)
    install(file)
    drain_queue()
    (models / "checkpoints/\u00e9.safetensors").rename(models / "checkpoints/e\u0301.safetensors")
    scan.forget()

    row = install(file, preset_id="B")
    drain_queue()
    assert (finished(row), row.files.get().status) == ((Status.COMPLETED, ""), "skipped")

    forced = install(file, preset_id="B", force=True)
    drain_queue()
    assert finished(forced) == (Status.COMPLETED, "")
    assert [place.name for place in (models / "checkpoints").iterdir()] == ["e\u0301.safetensors"]


def test_a_folder_at_the_path_is_said_before_a_byte_is_fetched_and_never_replaced(hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=SIZE)
    (models / PATH / "inner").mkdir(parents=True)
    for kwargs in ({}, {"conflict": "replace"}, {"force": True}):
        row = install(file, **kwargs)
        drain_queue()
        assert finished(row) == (Status.FAILED, "path_conflict")
        assert "is a folder" in row.error_message
        assert "Keep both" in row.error_message
    assert hub.sent("one.safetensors") == 0

    row = install(file, conflict="keep_both")
    drain_queue()
    assert finished(row) == (Status.COMPLETED, "")
    assert state(file.url) == HERE
    assert (models / PATH / "inner").is_dir()


@pytest.mark.parametrize("wish", ["replace", "keep_both"])
def test_a_link_that_leads_nowhere_is_a_question_too(hub, models, wish):
    file = hub.add_file("org/one", "one.safetensors", size=SIZE)
    (models / "checkpoints").mkdir()
    (models / PATH).symlink_to("/no/such/file")
    row = install(file)
    drain_queue()
    assert finished(row) == (Status.FAILED, "path_conflict")
    assert hub.sent("one.safetensors") == 0

    row = install(file, conflict=wish)
    drain_queue()
    assert finished(row) == (Status.COMPLETED, "")
    assert (models / PATH).is_symlink() == (wish == "keep_both")


@pytest.mark.parametrize("wish", ["replace", "keep_both"])
def test_a_path_that_is_taken_while_it_is_fetched_is_the_same_question_and_nothing_is_fetched_twice(hub, models, wish):
    file = hub.add_file("org/one", "one.safetensors", size=3_000_000, seed=1)
    theirs = safetensors_bytes(3_000_000, seed=2)
    gate = hub.gate(file, 1_000_000)
    row = install(file)

    def take():
        assert gate.reached.wait(30)
        (models / PATH).write_bytes(theirs)
        gate.open()

    taker = threading.Thread(target=take)
    taker.start()
    drain_queue()
    taker.join()
    assert finished(row) == (Status.FAILED, "path_conflict")
    assert "Replace the file" in row.error_message
    assert not is_here(state(file.url))
    sent = hub.sent("one.safetensors")

    again = retry(row, wish)
    drain_queue()

    assert finished(again) == (Status.COMPLETED, ""), again.error_message
    assert hub.sent("one.safetensors") == sent
    assert ((models / PATH).read_bytes() == theirs) == (wish == "keep_both")
    assert state(file.url) == HERE
    assert len(list((models / "checkpoints").iterdir())) == (2 if wish == "keep_both" else 1)


def test_an_optional_file_whose_path_is_taken_is_left_out_and_the_others_come(hub, models, one):
    other = hub.add_file("org/other", "one.safetensors", size=SIZE, seed=2)
    more = hub.add_file("org/other", "more.safetensors", size=SIZE, seed=3)
    row, _ = enqueue(
        "B", "B", [WantedFile(PATH, other.url, optional=True), WantedFile("checkpoints/more.safetensors", more.url)]
    )
    drain_queue()
    assert finished(row) == (Status.COMPLETED, "")
    assert [file.status for file in row.files.order_by("path")] == ["completed", "failed"]
    assert sha256(models / PATH) == one.sha256


def test_one_folder_with_two_names_has_one_file_and_one_record(hub, models):
    old = hub.add_file("org/old", "a.safetensors", size=SIZE, seed=1)
    new = hub.add_file("org/new", "a.safetensors", size=SIZE, seed=2)
    enqueue("A", "A", [WantedFile("unet/a.safetensors", old.url)])
    drain_queue()
    row, _ = enqueue("B", "B", [WantedFile("diffusion_models/a.safetensors", new.url)], conflict="replace")
    drain_queue()

    assert finished(row) == (Status.COMPLETED, "")
    assert [place.name for place in models.rglob("*.safetensors")] == ["a.safetensors"]
    assert sha256(models / "unet/a.safetensors") == new.sha256 == ModelFile.objects.get().sha256
    assert (state(new.url, "unet/a.safetensors"), state(old.url, "unet/a.safetensors")) == (HERE, CONFLICT)


def test_old_bytes_are_not_here_while_the_new_ones_are_only_begun(hub, models, one):
    """The worker died after the record and before the rename."""
    new = hub.add_file("org/one", "one.safetensors", size=SIZE, seed=9)
    ModelFile.objects.update(sha256=new.sha256, mtime_ns=PENDING)
    RemoteFile.objects.update(sha256=new.sha256)
    (models / (PATH + ".part")).write_bytes(b"new")
    assert state(new.url) == PARTIAL
    assert state("https://another/address") == UNVERIFIED

    row = install(new)
    drain_queue()
    assert finished(row) == (Status.FAILED, "path_conflict")
    assert sha256(models / PATH) == one.sha256


def test_a_pipe_among_the_models_holds_nobody(models):
    (models / "checkpoints").mkdir()
    os.mkfifo(models / PATH)
    assert state("https://any/address") == MISSING


def test_a_file_that_cannot_be_read_now_is_not_called_broken(tmp_path):
    """An install would put another one in its place."""
    loop = tmp_path / "one.safetensors"
    loop.symlink_to(loop)
    found = FoundFile(PATH, loop, 9, 1, 1, tmp_path, (1, 1), False)
    assert is_complete(found)
    loop.unlink()
    assert not is_complete(found)
    loop.write_bytes(b"<html>  x")
    assert not is_complete(found)
