"""The same bytes under another name are linked, with a record and a word in Activity, and nothing is fetched."""

from __future__ import annotations

import pytest

from activity.models import Activity
from downloads.file_records import ModelFile
from downloads.inventory import scan
from downloads.models import Status
from downloads.queue import enqueue
from downloads.worker.drain import drain_queue
from extension_points import WantedFile

pytestmark = pytest.mark.django_db(transaction=True)
HERE, ELSEWHERE = "checkpoints/one.safetensors", "vae/other.safetensors"


def install(file, path, preset_id):
    row, _ = enqueue(preset_id, f"Preset {preset_id}", [WantedFile(path, file.url)])
    drain_queue()
    row.refresh_from_db()
    return row


def test_a_file_that_is_here_under_another_name_is_linked(hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=300_000)
    mirror = hub.add_file("org/mirror", "other.safetensors", size=300_000)
    install(file, HERE, "A")

    row = install(mirror, ELSEWHERE, "B")

    assert (row.status, row.bytes_done) == (Status.COMPLETED, mirror.size)
    assert hub.sent("other.safetensors") == 0
    assert (models / ELSEWHERE).samefile(models / HERE)
    record, first = ModelFile.objects.get(path=ELSEWHERE), ModelFile.objects.get(path=HERE)
    assert (record.sha256, record.mtime_ns, record.url) == (file.sha256, first.mtime_ns, mirror.url)
    assert f"link to {HERE}" in Activity.objects.get(status="warning").subtitle


def test_a_record_without_its_file_is_no_reason_not_to_fetch(hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=300_000)
    install(file, HERE, "A")
    (models / HERE).unlink()
    scan.forget()

    row = install(file, ELSEWHERE, "B")

    assert (row.status, Activity.objects.filter(status="warning").count()) == (Status.COMPLETED, 0)
    assert (models / ELSEWHERE).stat().st_size == file.size
