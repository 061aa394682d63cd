"""One install from the queue to the disk, against a Hub on loopback."""

from __future__ import annotations

import hashlib
import threading

import pytest

from activity.models import Activity
from downloads.file_records import ModelFile, RemoteFile
from downloads.models import DownloadHistory, Status
from downloads.queue import enqueue, retry
from downloads.transfer import TransferError
from downloads.worker import installer
from downloads.worker import parked as waiting
from downloads.worker.drain import drain_queue, fail_interrupted
from downloads.worker.lock import worker_lock
from extension_points import WantedFile
from settings_app import preferences
from settings_app.hub_token import save_token

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = 300_000
TOKEN = "hf_" + "t" * 34


def install(*files, preset_id="A", **kwargs):
    wanted = [WantedFile(f"checkpoints/{file.path}", file.url) for file in files]
    row, _ = enqueue(preset_id, f"Preset {preset_id}", wanted, **kwargs)
    return row


def finished(row):
    row.refresh_from_db()
    return row.status, row.reason


def test_files_are_published_recorded_and_counted(hub, models):
    one = hub.add_file("org/one", "one.safetensors", size=SIZE, seed=1)
    two = hub.add_file("org/two", "two.safetensors", size=SIZE, seed=2)
    row = install(one, two)

    assert drain_queue() == 1

    assert finished(row) == (Status.COMPLETED, "")
    assert (row.files_completed, row.bytes_done, row.bytes_total) == (2, one.size + two.size, one.size + two.size)
    for file in (one, two):
        on_disk = models / "checkpoints" / file.path
        record = ModelFile.objects.get(path=f"checkpoints/{file.path}")
        assert hashlib.sha256(on_disk.read_bytes()).hexdigest() == file.sha256 == record.sha256
        assert (record.size, record.mtime_ns) == (on_disk.stat().st_size, on_disk.stat().st_mtime_ns)
    assert sorted(path.name for path in (models / "checkpoints").iterdir()) == [one.path, two.path]
    assert list(Activity.objects.order_by("id").values_list("status", flat=True)) == ["started", "completed"]


def test_what_is_here_is_skipped_and_nothing_is_asked(hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=SIZE)
    install(file)
    drain_queue()
    asked = len(hub.log)

    again = install(file, preset_id="B")
    drain_queue()

    assert finished(again) == (Status.COMPLETED, "")
    assert again.files.get().status == "skipped"
    assert len(hub.log) == asked


def test_force_fetches_what_is_here_and_replaces_it(hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=SIZE)
    install(file)
    drain_queue()
    sent = hub.sent("one.safetensors")

    again = install(file, force=True)
    drain_queue()

    assert finished(again) == (Status.COMPLETED, "")
    assert hub.sent("one.safetensors") >= sent + file.size


def test_other_bytes_under_the_path_are_a_conflict_before_anything_is_fetched(hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=SIZE, seed=1)
    other = hub.add_file("org/other", "one.safetensors", size=SIZE, seed=2)
    install(file)
    drain_queue()

    row = install(other, preset_id="B")
    drain_queue()

    assert finished(row) == (Status.FAILED, "path_conflict")
    assert "checkpoints/one.safetensors" in row.error_message
    assert hub.sent("org/other") == 0
    assert hashlib.sha256((models / "checkpoints/one.safetensors").read_bytes()).hexdigest() == file.sha256


def test_a_gated_file_parks_and_the_queue_goes_on_and_a_token_starts_it_again(hub, models):
    gated = hub.add_file("org/gated", "gated.safetensors", size=SIZE, gated=True)
    free = hub.add_file("org/free", "free.safetensors", size=SIZE)
    parked, other = install(gated), install(free, preset_id="B")

    drain_queue()
    assert finished(parked) == (Status.WAITING, "token_required")
    assert finished(other) == (Status.COMPLETED, "")
    assert RemoteFile.objects.get(url=gated.url).gated

    hub.token(TOKEN, accepted={"org/gated"})
    save_token(TOKEN)
    assert waiting.look_again(now=True) == 1
    drain_queue()

    assert finished(parked) == (Status.COMPLETED, "")
    assert all(line.authorization is None or not line.authorization for line in hub.asked(origin="cdn"))


def test_a_token_whose_licence_is_not_accepted_waits_with_the_new_reason(hub, models):
    gated = hub.add_file("org/gated", "gated.safetensors", size=SIZE, gated=True)
    row = install(gated)
    drain_queue()
    token = hub.token(TOKEN)
    save_token(TOKEN)

    assert waiting.look_again(now=True) == 0
    assert finished(row) == (Status.WAITING, "licence_required")

    token.accepted.add("org/gated")
    row.resume()
    drain_queue()
    assert finished(row) == (Status.COMPLETED, "")


def test_one_refused_file_costs_no_bytes_of_the_others(hub, models):
    big = hub.add_file("org/big", "big.safetensors", size=SIZE)
    gated = hub.add_file("org/gated", "gated.safetensors", size=SIZE, gated=True)
    row = install(big, gated)

    drain_queue()

    assert finished(row) == (Status.WAITING, "token_required")
    assert hub.sent("big.safetensors") < SIZE


def test_an_optional_file_that_is_missing_is_a_warning(hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=SIZE)
    wanted = [
        WantedFile("checkpoints/one.safetensors", file.url),
        WantedFile("checkpoints/extra.safetensors", f"{hub.url}/org/one/resolve/main/extra.safetensors", optional=True),
    ]
    row, _ = enqueue("A", "A", wanted)

    drain_queue()

    assert finished(row) == (Status.COMPLETED, "")
    assert row.files.get(path="checkpoints/extra.safetensors").status == "failed"
    assert Activity.objects.filter(status="warning", subtitle__contains="extra.safetensors").exists()


def test_what_does_not_fit_is_parked_and_smaller_ones_go_on(hub, models, settings):
    settings.DISK_QUOTA = None
    preferences.store("disk_quota", "600KB")
    preferences.store("disk_reserve", "0")
    big = hub.add_file("org/big", "big.safetensors", size=2_000_000)
    small = hub.add_file("org/small", "small.safetensors", size=SIZE)
    parked, other = install(big), install(small, preset_id="B")

    drain_queue()

    assert finished(parked) == (Status.WAITING, "disk_full")
    assert "1.4 MB" in parked.error_message
    assert finished(other) == (Status.COMPLETED, "")

    preferences.store("disk_quota", "10MB")
    assert waiting.look_again() == 1
    drain_queue()
    assert finished(parked) == (Status.COMPLETED, "")


def in_background(function):
    """Run with a database connection of its own; the answer by join()."""
    from django.db import connections

    def run():
        try:
            function()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize(("verb", "status"), [("pause", Status.PAUSED), ("cancel", Status.CANCELLED)])
def test_a_verb_in_the_middle_stops_the_transfer_and_keeps_the_bytes(hub, models, verb, status):
    file = hub.add_file("org/one", "one.safetensors", size=8_000_000)
    row = install(file)
    gate = hub.gate(file, at_byte=4_000_000)
    worker = in_background(drain_queue)
    assert gate.reached.wait(10)

    getattr(DownloadHistory.objects.get(pk=row.pk), verb)()
    worker.join(10)
    assert not worker.is_alive()
    gate.open()

    assert finished(row)[0] == status
    assert [path.name for path in (models / "checkpoints").glob("*.safetensors")] == []
    assert (models / "checkpoints/one.safetensors.part").exists()

    sent = hub.sent("one.safetensors")
    if verb == "pause":
        row.resume()
    else:
        row = retry(row)
    hub.heal()
    drain_queue()
    assert finished(row) == (Status.COMPLETED, ""), row.error_message
    assert hub.sent("one.safetensors") - sent < file.size
    assert hashlib.sha256((models / "checkpoints/one.safetensors").read_bytes()).hexdigest() == file.sha256


def test_cancel_without_keeping_leaves_nothing(hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=8_000_000)
    row = install(file)
    gate = hub.gate(file, at_byte=4_000_000)
    worker = in_background(drain_queue)
    assert gate.reached.wait(10)

    DownloadHistory.objects.get(pk=row.pk).cancel(keep_partial=False)
    worker.join(10)

    assert list((models / "checkpoints").iterdir()) == []


def test_cancel_of_a_paused_one_without_keeping_is_tidied_by_the_next_drain(hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=8_000_000)
    row = install(file)
    gate = hub.gate(file, at_byte=4_000_000)
    worker = in_background(drain_queue)
    assert gate.reached.wait(10)
    DownloadHistory.objects.get(pk=row.pk).pause()
    worker.join(10)
    row.refresh_from_db()
    row.cancel(keep_partial=False)

    drain_queue()

    assert list((models / "checkpoints").iterdir()) == []


def test_rows_of_a_dead_worker_fail_with_what_is_on_disk(hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=SIZE)
    row = install(file)
    DownloadHistory.claim_next()

    assert fail_interrupted() == 1

    assert finished(row) == (Status.FAILED, "interrupted")
    assert "Retry continues from 0 B" in row.error_message


def test_while_a_worker_lives_nobody_fails_its_rows(hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=SIZE)
    row = install(file)
    DownloadHistory.claim_next()

    with worker_lock() as held:
        assert held
        assert fail_interrupted() == 0
        assert drain_queue() == 0
    assert finished(row)[0] == Status.DOWNLOADING


def test_concurrent_clicks_make_one_row(hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=SIZE)
    together = threading.Barrier(8)

    def click():
        together.wait()
        install(file)

    threads = [in_background(click) for _ in range(8)]
    for thread in threads:
        thread.join(20)

    assert DownloadHistory.objects.count() == 1


def test_a_disk_that_refuses_although_its_figures_say_room_is_tried_from_time_to_time(hub, models):
    """A volume with a quota that shows its host's disk: EDQUOT comes, and statvfs knows nothing of it."""
    row = install(hub.add_file("org/one", "one.safetensors", size=SIZE))
    DownloadHistory.claim_next()
    row.refresh_from_db()
    installer._refused(row, TransferError("The quota is used up.", reason="disk_full"))

    assert finished(row) == (Status.WAITING, "disk_full")
    assert waiting.look_again() == 0
    assert waiting.look_again(now=True) == 1


def test_a_disk_that_is_full_by_its_figures_goes_on_as_soon_as_they_change(hub, models):
    preferences.store("disk_quota", "100KB")
    row = install(hub.add_file("org/one", "one.safetensors", size=SIZE))
    drain_queue()
    assert finished(row) == (Status.WAITING, "disk_full")
    assert waiting.look_again() == 0

    preferences.store("disk_quota", "100GB")
    assert waiting.look_again() == 1
