"""Many files of one install side by side: what each of them costs, and what becomes of the others."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.backends.signals import connection_created
from django.test.utils import CaptureQueriesContext

from activity.models import Activity
from downloads.file_records import ModelFile
from downloads.models import DownloadFile, DownloadHistory, Status
from downloads.queue import enqueue, retry
from downloads.worker import bring_files, host_pauses
from downloads.worker.drain import drain_queue
from extension_points import WantedFile
from tests.comfydash.serving import wait_for
from tests.downloads.worker.test_installer import finished, in_background, install
from tests.fakehub import FakeHub, File

pytestmark = pytest.mark.django_db(transaction=True)
SMALL, BIG = 3000, 8_000_000


def small_files(hub: FakeHub, number: int) -> list[File]:
    """Of different sizes, so that none is a copy of another."""
    return [hub.add_file("org/many", f"{index:02}-small.safetensors", size=SMALL + index) for index in range(number)]


def sha256_of(place: Path) -> str:
    return hashlib.sha256(place.read_bytes()).hexdigest()


def test_each_small_file_costs_one_request_to_the_hub_and_one_to_its_cdn(hub: FakeHub, models: Path) -> None:
    files = small_files(hub, 40)
    row = install(*files)

    drain_queue()

    assert finished(row) == (Status.COMPLETED, "")
    assert Counter(line.path.rpartition("/")[2] for line in hub.asked()) == {file.path: 2 for file in files}
    assert len({line.port for line in hub.asked(origin="cdn")}) <= bring_files.AT_ONCE + 1  # kept alive
    assert {file.path: sha256_of(models / "checkpoints" / file.path) for file in files} == {
        file.path: file.sha256 for file in files
    }
    assert sorted(path.name for path in (models / "checkpoints").iterdir()) == sorted(file.path for file in files)
    assert dict(ModelFile.objects.values_list("path", "sha256")) == {
        f"checkpoints/{file.path}": file.sha256 for file in files
    }


def test_a_file_of_a_plain_host_is_asked_for_twice(hub: FakeHub, models: Path) -> None:
    documents = [hub.add_document(f"{index}.safetensors", size=SMALL + index) for index in range(5)]
    row = install(*documents)

    drain_queue()

    assert finished(row) == (Status.COMPLETED, "")
    assert len(hub.asked()) == 2 * len(documents)


def test_they_move_side_by_side_in_the_order_of_the_install_and_no_more_than_so_many(
    hub: FakeHub, models: Path
) -> None:
    files = small_files(hub, 30)
    gates = [hub.gate(file, at_byte=100) for file in files]
    row = install(*files)
    worker = in_background(drain_queue)
    first, others = gates[: bring_files.AT_ONCE], gates[bring_files.AT_ONCE :]
    assert all(gate.reached.wait(20) for gate in first)
    wait_for(lambda: DownloadFile.objects.filter(status="downloading").count() == len(first), 20, "they are told")
    assert not any(gate.reached.is_set() for gate in others)

    first[3].open()
    assert others[0].reached.wait(20)
    assert not any(gate.reached.is_set() for gate in others[1:])

    hub.heal()
    worker.join(30)
    assert finished(row) == (Status.COMPLETED, "")


def test_small_files_pass_a_large_one(hub: FakeHub, models: Path) -> None:
    large = hub.add_file("org/large", "large.safetensors", size=BIG)
    files = small_files(hub, 20)
    gate = hub.gate(large, at_byte=BIG - 1)
    row = install(large, *files)
    worker = in_background(drain_queue)

    wait_for(lambda: DownloadFile.objects.filter(status="completed").count() == 20, 20, "the small ones")
    assert gate.reached.wait(20)
    gate.open()
    worker.join(30)
    assert finished(row) == (Status.COMPLETED, "")


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_a_verb_stops_all_of_them_and_their_bytes_are_kept(hub: FakeHub, models: Path, verb: str) -> None:
    files = [hub.add_file("org/many", f"{index}.safetensors", size=BIG + index) for index in range(4)]
    gates = [hub.gate(file, at_byte=6_000_000) for file in files]
    row = install(*files)
    worker = in_background(drain_queue)
    assert all(gate.reached.wait(20) for gate in gates)
    getattr(DownloadHistory.objects.get(pk=row.pk), verb)()
    worker.join(10)
    assert not worker.is_alive()
    hub.heal()

    row.refresh_from_db()
    kept = dict(row.files.values_list("path", "bytes_done"))
    assert all(0 < count < BIG for count in kept.values())
    assert row.bytes_done == sum(kept.values())
    assert not row.files.exclude(status="pending").exists()

    sent = hub.sent()
    if verb == "cancel":
        row = retry(row)
    else:
        row.resume()
    drain_queue()
    assert finished(row) == (Status.COMPLETED, "")
    assert hub.sent() - sent < sum(file.size for file in files) / 2


def test_when_a_needed_one_is_refused_those_that_run_end_and_no_other_begins(hub: FakeHub, models: Path) -> None:
    files = small_files(hub, bring_files.AT_ONCE + 10)
    running, behind = files[1 : bring_files.AT_ONCE], files[bring_files.AT_ONCE :]
    good = files[0].content
    files[0].replace(b"<html>" * 500)
    gates = [hub.gate(file, at_byte=100) for file in running]
    row = install(*files)
    worker = in_background(drain_queue)
    assert all(gate.reached.wait(20) for gate in gates)
    wait_for(lambda: DownloadFile.objects.filter(status="failed").exists(), 20, "the refusal is told")
    hub.heal()
    worker.join(30)

    assert finished(row)[0] == Status.FAILED
    states = Counter(DownloadFile.objects.filter(download=row).values_list("status", flat=True))
    assert states == {"failed": 1, "completed": len(running), "pending": len(behind)}

    files[0].content = good
    again = retry(row)
    drain_queue()
    assert finished(again) == (Status.COMPLETED, "")


def test_one_that_backs_off_holds_up_no_other(hub: FakeHub, models: Path, settings: Any) -> None:
    settings.TRANSFER_RETRY_BASE = 3600.0
    files = small_files(hub, 30)
    fault = hub.fault(files[0], origin="cdn", status=503)
    row = install(*files)
    worker = in_background(drain_queue)

    wait_for(lambda: DownloadFile.objects.filter(status="completed").count() == 29, 20, "the others")
    wait_for(lambda: DownloadHistory.objects.filter(retry_at__isnull=False), 20, "the back-off")
    assert DownloadFile.objects.get(status="retrying").path.endswith("/00-small.safetensors")
    assert len(hub.asked("00-small.safetensors", origin="cdn")) >= 1
    row.pause()
    worker.join(10)
    assert not worker.is_alive()
    hub.faults.remove(fault)
    row.resume()
    drain_queue()
    assert finished(row) == (Status.COMPLETED, "")


def test_a_pause_that_a_host_asks_for_is_kept_by_all_files_together(hub: FakeHub, models: Path) -> None:
    host_pauses.forget()
    files = small_files(hub, 40)
    hub.fault("safetensors", origin="cdn", status=429, headers={"Retry-After": "800"})
    row = install(*files)
    worker = in_background(drain_queue)
    wait_for(lambda: DownloadHistory.objects.filter(retry_at__isnull=False), 20, "the pause")
    asked = len(hub.asked(origin="cdn"))
    row.pause()
    worker.join(10)

    assert not worker.is_alive()
    assert asked == len(hub.asked(origin="cdn")) <= bring_files.AT_ONCE + 1
    host_pauses.forget()


def test_an_optional_one_that_fails_is_left_out_with_a_warning(hub: FakeHub, models: Path) -> None:
    files = small_files(hub, 12)
    hub.fault(files[5], origin="cdn", status=404)
    wanted = [WantedFile(f"loras/{file.path}", file.url, optional=file is files[5]) for file in files]
    row, _ = enqueue("A", "A", wanted)

    drain_queue()

    assert finished(row) == (Status.COMPLETED, "")
    assert DownloadFile.objects.get(status="failed").path == f"loras/{files[5].path}"
    assert Activity.objects.filter(status="warning", subtitle__contains=files[5].path).count() == 1


def test_the_same_bytes_twice_are_fetched_once(hub: FakeHub, models: Path) -> None:
    file = hub.add_file("org/one", "one.safetensors", size=300_000)
    same = hub.add_file("org/two", "two.safetensors", size=300_000)
    assert file.sha256 == same.sha256
    row = install(file, same)

    drain_queue()

    assert finished(row) == (Status.COMPLETED, "")
    assert hub.sent() == file.size
    assert sha256_of(models / "checkpoints/two.safetensors") == file.sha256


def test_two_names_of_one_place_are_not_written_at_once(hub: FakeHub, models: Path) -> None:
    file = hub.add_file("org/one", "one.safetensors", size=300_000)
    wanted = [WantedFile(f"{kind}/one.safetensors", file.url) for kind in ("unet", "diffusion_models")]
    row, _ = enqueue("A", "A", wanted)

    drain_queue()

    assert finished(row) == (Status.COMPLETED, "")
    assert hub.sent() == file.size


def test_what_is_known_of_many_files_is_asked_and_written_for_all_of_them_at_once(hub: FakeHub, models: Path) -> None:
    row = install(*small_files(hub, 60))
    with CaptureQueriesContext(connection) as asked:
        drain_queue()
    assert finished(row) == (Status.COMPLETED, "")
    statements = Counter(re.sub(r"[\d, ()%s]+", " ", query["sql"])[:60] for query in asked.captured_queries)
    of_each = {sql: count for sql, count in statements.items() if count > 30 and "download_history" not in sql}
    assert not of_each, of_each


def test_only_the_thread_of_the_install_opens_the_database(hub: FakeHub, models: Path) -> None:
    threads = set()

    def note(**news: Any) -> None:
        threads.add(threading.current_thread())

    row = install(*small_files(hub, 12))
    connection.close()
    connection_created.connect(note)
    try:
        drain_queue()
    finally:
        connection_created.disconnect(note)
    assert finished(row) == (Status.COMPLETED, "")
    assert threads == {threading.current_thread()}
