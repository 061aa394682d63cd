"""What a row says after an install stopped in the middle is what lies on the disk."""

from __future__ import annotations

import threading

import pytest
from django.db import connections

from downloads.models import DownloadFile, DownloadHistory, FileStatus, Status
from downloads.queue import enqueue
from downloads.transfer import partial_bytes
from downloads.worker.drain import drain_queue, fail_interrupted
from extension_points import WantedFile
from volumes.files import OLD

pytestmark = pytest.mark.django_db(transaction=True)


def install(*files, **kwargs):
    return enqueue("A", "Preset A", [WantedFile(f"checkpoints/{f.path}", f.url) for f in files], **kwargs)[0]


def drain_in_background():
    def run():
        try:
            drain_queue()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_file_published_before_the_worker_died_counts_whole(hub, models):
    one = hub.add_file("org/one", "one.safetensors", size=300_000, seed=1)
    two = hub.add_file("org/two", "two.safetensors", size=300_000, seed=2)
    row = install(one, two)
    drain_queue()
    # As a kill between the rename and the rows leaves it.
    journal = models / "checkpoints/one.safetensors.part.state"
    journal.touch()
    (models / "checkpoints/two.safetensors").unlink()
    DownloadFile.objects.update(status=FileStatus.VERIFYING, bytes_done=0)
    DownloadHistory.objects.update(status=Status.DOWNLOADING, files_completed=0)

    assert fail_interrupted() == 1

    row.refresh_from_db()
    assert (row.status, row.files_completed, row.bytes_done) == (Status.FAILED, 1, one.size)
    assert [(file.status, file.bytes_done) for file in row.files.all()] == [("completed", one.size), ("pending", 0)]
    assert not journal.exists()


def test_a_file_that_stopped_does_not_say_any_more_that_it_waits_for_the_disk(hub, models):
    install(hub.add_file("org/one", "one.safetensors", size=300_000))
    DownloadFile.objects.update(status=FileStatus.DOWNLOADING, error="The disk is still writing what has arrived.")
    DownloadHistory.objects.update(status=Status.DOWNLOADING)
    fail_interrupted()
    assert [(file.status, file.error) for file in DownloadFile.objects.all()] == [("pending", "")]


@pytest.mark.parametrize("there", [False, True], ids=["before the second rename", "after it"])
def test_what_stepped_aside_for_a_replacement_comes_back_or_goes(hub, models, there):
    """Where a volume replaces no names, a kill can hit between the two renames."""
    file = hub.add_file("org/one", "one.safetensors", size=300_000)
    install(file)
    drain_queue()
    place = models / "checkpoints/one.safetensors"
    before = place.read_bytes()
    aside = place.with_name(f"{place.name}{OLD}")
    place.rename(aside)
    if there:
        place.write_bytes(before)
    install(file, force=True)
    DownloadHistory.claim_next()

    assert fail_interrupted() == 1

    assert place.read_bytes() == before
    assert not aside.exists()


def test_a_forced_install_does_not_count_what_it_replaces(hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=300_000)
    install(file)
    drain_queue()
    row = install(file, force=True)
    DownloadHistory.claim_next()

    fail_interrupted()

    row.refresh_from_db()
    assert (row.status, row.bytes_done) == (Status.FAILED, 0)


def test_a_pause_leaves_the_number_of_the_disk_and_not_of_the_last_progress_write(hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=60_000_000)
    hub.total_speed = 40_000_000  # bytes keep arriving after the last write
    row = install(file)
    gate = hub.gate(file, at_byte=2_000_000)
    worker = drain_in_background()
    assert gate.reached.wait(20)
    gate.open()

    DownloadHistory.objects.get(pk=row.pk).pause()
    worker.join(20)

    row.refresh_from_db()
    there = partial_bytes(models, "checkpoints/one.safetensors")
    assert (row.status, row.bytes_done, row.files.get().bytes_done) == (Status.PAUSED, there, there)


def test_a_models_folder_that_cannot_be_read_keeps_no_row_from_its_end(hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=300_000)
    row = install(file)
    DownloadHistory.claim_next()
    models.rmdir()
    models.write_text("a file where the folder should be")

    assert fail_interrupted() == 1

    row.refresh_from_db()
    assert row.status == Status.FAILED
