"""An install on a disk that refuses in the middle: what its row says, what is kept, and how it goes on."""

from __future__ import annotations

import errno
import hashlib
import re
import threading

import pytest
from django.db import connections

from downloads.file_records import ModelFile
from downloads.inventory.free_space import missing_space
from downloads.models import DownloadHistory, Status
from downloads.queue import enqueue, retry
from downloads.worker import parked
from downloads.worker.drain import drain_queue
from extension_points import WantedFile
from settings_app import preferences
from tests.hostile.kernel import refusing

pytestmark = pytest.mark.django_db(transaction=True)

SIZE = 12_000_000
MIDDLE = 6_000_000
PATH = "checkpoints/one.safetensors"


def install(url: str, preset_id: str = "ONE", path: str = PATH) -> DownloadHistory:
    return enqueue(preset_id, "The one", [WantedFile(path, url)])[0]


def how_it_stands(row: DownloadHistory) -> tuple[str, str]:
    row.refresh_from_db()
    return row.status, row.reason


def drain() -> None:
    """In a thread of the test's own."""
    try:
        drain_queue()
    finally:
        connections.close_all()


def test_a_used_up_quota_parks_says_how_much_is_missing_and_keeps_the_bytes(hub, models):
    """EDQUOT: the figures of the disk know nothing of it."""
    one = hub.add_file("org/one", "one.safetensors", size=SIZE)
    behind = hub.add_file("org/two", "two.safetensors", size=100_000, seed=2)
    preferences.store("connections", 1)
    row, other = install(one.url), install(behind.url, "TWO", "vae/two.safetensors")

    refusing(errno.EDQUOT, "pwritev", drain_queue, from_byte=MIDDLE)

    assert how_it_stands(row) == (Status.WAITING, "disk_full")
    kept, [file] = row.bytes_done, row.files.all()
    assert 0 < kept <= MIDDLE + 2_000_000
    [missing] = re.findall(r"quota of the volume is used up: ([\d.]+) MB more must be free", row.error_message)
    assert 4 < float(missing) <= SIZE / 1e6
    assert (file.bytes_done, file.status) == (kept, "failed")
    assert (models / f"{PATH}.part").exists()
    assert how_it_stands(other) == (Status.COMPLETED, "")

    assert parked.look_again() == 0  # the disk is tried from time to time, not at each look
    assert parked.look_again(now=True) == 1  # a person freed something
    sent = hub.sent("one.safetensors")
    drain_queue()
    assert how_it_stands(row) == (Status.COMPLETED, "")
    assert hub.sent("one.safetensors") - sent < SIZE
    assert hashlib.sha256((models / PATH).read_bytes()).hexdigest() == one.sha256


def test_a_disk_that_fills_up_under_a_file_of_unknown_size_says_at_least_how_much(hub, models, settings):
    document = hub.add_document("unknown.safetensors", size=SIZE, length=False, ranges=False)
    row = install(document.url)

    refusing(errno.ENOSPC, "pwritev", drain_queue, from_byte=MIDDLE)

    assert how_it_stands(row) == (Status.WAITING, "disk_full")
    assert "disk is full: at least 100 MB more must be free" in row.error_message
    preferences.store("disk_reserve", "0")
    preferences.store("disk_quota", "100MB")
    assert row.bytes_done <= missing_space(row) < 20_000_000
    assert parked.look_again(now=True) == 0  # less room than it said it needs
    preferences.store("disk_quota", "200MB")
    assert parked.look_again(now=True) == 1
    drain_queue()
    assert how_it_stands(row) == (Status.COMPLETED, "")


@pytest.mark.parametrize("call", ["pwritev", "fdatasync"])
def test_a_disk_with_an_input_output_error_fails_with_a_sentence_and_retry_goes_on(hub, models, call):
    one = hub.add_file("org/one", "one.safetensors", size=SIZE)
    row = install(one.url)

    refusing(errno.EIO, call, drain_queue, from_byte=MIDDLE if call == "pwritev" else 0)

    assert how_it_stands(row) == (Status.FAILED, "not_writable")
    assert "input/output error. Check the disk or the volume, then retry" in row.error_message
    assert not (models / PATH).exists()
    assert not ModelFile.objects.exists()
    again = retry(row)
    drain_queue()
    assert how_it_stands(again) == (Status.COMPLETED, "")
    assert hashlib.sha256((models / PATH).read_bytes()).hexdigest() == one.sha256


def test_a_models_folder_that_vanishes_fails_and_retry_goes_on_once_it_is_back(hub, models):
    one = hub.add_file("org/one", "one.safetensors", size=SIZE)
    preferences.store("connections", 1)
    row = install(one.url)
    gate = hub.gate(one, at_byte=MIDDLE)
    worker = threading.Thread(target=drain)
    worker.start()
    assert gate.reached.wait(60)
    away = models.with_name("unplugged")
    models.rename(away)
    gate.open()
    worker.join(60)

    assert how_it_stands(row) == (Status.FAILED, "not_writable")
    assert "then retry" in row.error_message
    assert not list(models.rglob("*.safetensors"))

    if models.exists():
        for left in sorted(models.rglob("*"), reverse=True):
            left.rmdir() if left.is_dir() else left.unlink()
        models.rmdir()
    away.rename(models)
    sent = hub.sent("one.safetensors")
    again = retry(row)
    drain_queue()
    assert how_it_stands(again) == (Status.COMPLETED, "")
    assert hub.sent("one.safetensors") - sent < SIZE
