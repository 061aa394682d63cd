"""A models folder that does not tell capital letters from small ones: a file is found whatever its spelling.

Few machines that run tests mount such a disk, so the answer of the probe stands in for it; what is written goes to the
names that are there already.
"""

from __future__ import annotations

import pytest

from downloads.file_records import ModelFile
from downloads.inventory import scan
from downloads.inventory.destinations import Destinations
from downloads.inventory.knowledge import CONFLICT, HERE, MISSING, Knowledge
from downloads.inventory.scan import canonical, models_index, resolved
from downloads.models import Status
from downloads.queue import enqueue
from downloads.worker.drain import drain_queue
from extension_points import WantedFile
from tests.fakehub import safetensors_bytes

pytestmark = pytest.mark.django_db(transaction=True)
ON_DISK, WANTED = "loras/Sub/Detail.safetensors", "loras/sub/detail.safetensors"


@pytest.fixture
def ignored(models, monkeypatch):
    monkeypatch.setattr(scan, "ignores_case", lambda folder: True)
    place = models / ON_DISK
    place.parent.mkdir(parents=True)
    place.write_bytes(safetensors_bytes(seed=1))
    scan.forget()
    models_index()
    return place


def test_a_file_in_another_spelling_is_found_and_keeps_its_name(ignored, models):
    assert (found := models_index().find(WANTED))
    assert found.path == ON_DISK
    assert Destinations.now().of(WANTED) == (models, ON_DISK)
    assert Destinations.now().of("loras/other.safetensors") == (models, "loras/other.safetensors")
    assert canonical(WANTED) == canonical(ON_DISK)
    assert resolved(ON_DISK) == ON_DISK


def test_where_case_counts_they_are_two(models):
    place = models / ON_DISK
    place.parent.mkdir(parents=True)
    place.write_bytes(safetensors_bytes(seed=1))
    scan.forget()
    assert models_index().find(WANTED) is None
    assert Destinations.now().of(WANTED) == (models, WANTED)
    assert canonical(WANTED) != canonical(ON_DISK)


def test_a_disk_that_is_mounted_later_is_asked_again(models, monkeypatch):
    assert canonical(WANTED) == WANTED
    monkeypatch.setattr(scan, "ignores_case", lambda folder: True)
    scan.forget()
    models_index()
    assert canonical(ON_DISK) == WANTED


def test_other_bytes_in_another_spelling_are_a_conflict_and_replaced_under_the_name_that_is_there(ignored, hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=5000, seed=2)
    row, _ = enqueue("A", "A", [WantedFile(WANTED, file.url)])
    drain_queue()
    row.refresh_from_db()
    assert (row.status, row.reason) == (Status.FAILED, "path_conflict")
    assert "Keep both" in row.error_message
    row, _ = enqueue("A", "A", [WantedFile(WANTED, file.url)], conflict="replace")
    drain_queue()
    row.refresh_from_db()
    assert row.status == Status.COMPLETED
    assert [str(each.relative_to(models)) for each in models.rglob("*.*")] == [ON_DISK]
    assert Knowledge.gather([file.url]).state(WANTED, file.url) == HERE


def test_both_kept_are_found_by_either_spelling(ignored, hub, models):
    file = hub.add_file("org/one", "one.safetensors", size=5000, seed=2)
    row, _ = enqueue("A", "A", [WantedFile(WANTED, file.url)], conflict="keep_both")
    drain_queue()
    row.refresh_from_db()
    assert row.status == Status.COMPLETED
    knowledge = Knowledge.gather([file.url])
    beside = f"loras/sub/detail-{file.sha256[:8]}.safetensors"
    assert knowledge.state(WANTED, file.url) == HERE
    assert knowledge.place(ON_DISK, file.url) == beside
    assert (models / beside).exists()


def test_of_two_records_of_one_file_the_newer_counts(ignored, hub):
    file = hub.add_file("org/one", "one.safetensors", size=5000, seed=2)
    found = models_index().find(WANTED)
    assert found
    ModelFile.renew(WANTED, 5000, found.mtime_ns, "a" * 64, "https://hub.example/old")
    ModelFile.renew(ON_DISK, found.size, found.mtime_ns, "b" * 64, "https://hub.example/new")
    assert Knowledge.gather([]).state(WANTED, file.url, "b" * 64) == HERE
    assert Knowledge.gather([]).state(WANTED, file.url, "a" * 64) == CONFLICT
    assert Knowledge.gather([]).state("loras/x.safetensors", file.url) == MISSING
