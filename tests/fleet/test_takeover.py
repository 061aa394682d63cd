"""One worker after the other on one queue: what a killed, frozen or cut-off one leaves, and that it does no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.comfydash.serving import wait_for
from tests.fleet.fleet import Fleet
from tests.fleet.postgresql import programs
from tests.fleet.worker import SECONDS, Worker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.sampled(6, of="fleet"),
    pytest.mark.postgres,
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL server here: apt-get install postgresql"),
]
RENAME = "before downloads.transfer.part.file.Partial.publish\nbefore downloads.transfer.part.file.rename_over"
OUTLIVES = {"COMFYDASH_LEASE_SECONDS": "30"}  # a restart of the database on a busy machine


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Fleet(tmp_path_factory.mktemp("fleet"), installs=60) as fleet:
        yield fleet


@pytest.fixture
def fleet(standing: Fleet) -> Iterator[Fleet]:
    standing.begin()
    yield standing
    print(standing.logs())  # shown when a test fails


def is_well(fleet: Fleet) -> bool:
    fleet.hub.total_speed = 0
    fleet.bring_all()
    assert fleet.faults() == []
    return True


def test_a_worker_that_froze_right_before_the_rename_publishes_nothing_and_writes_nothing_when_it_wakes(fleet):
    """With its last look at the lease behind it, and the lock on the .part in its hands."""
    one, two, three = fleet.files
    first, second = fleet.workers
    (first.stage / "armed").write_text(RENAME)
    first.start()
    fleet.install(one, two)
    wait_for((first.stage / "reached").exists, SECONDS, "the moment before the rename")
    fence = fleet.row(one)["fence"]
    first.freeze()
    assert fleet.part(one) == [f"{one}.safetensors.{fence}.part"]

    second.start()
    fleet.wait_for_status(two, "completed")
    assert (fleet.row(one)["status"], fleet.row(one)["reason"]) == ("failed", "interrupted")
    written = len(fleet.entries())

    second.kill()  # so that the first one has to take the lease anew before it can do anything
    (first.stage / "release").touch()
    first.wake()
    fleet.install(three)
    fleet.wait_for_status(three, "completed")
    assert not (fleet.models / f"{one}.safetensors").exists()
    by_first = [entry.what for entry in fleet.entries()[written:] if entry.who == first.name]
    assert by_first[0] == "taken"
    assert is_well(fleet)


def test_a_worker_that_was_killed_takes_its_own_lease_back_at_once_and_nobody_else_does(fleet):
    """Long before it would run out."""
    one = next(iter(fleet.files))
    for_ages = {"COMFYDASH_LEASE_SECONDS": str(100 * SECONDS)}
    first, second = fleet.workers
    fleet.hub.total_speed = 300_000
    first.start(**for_ages)
    fleet.install(*fleet.files)
    fleet.wait_for_bytes(one)
    before = len(fleet.takings())
    first.kill()
    known = len(fleet.rows("SELECT 1 FROM worker"))
    second.start(**for_ages)
    wait_for(lambda: len(fleet.rows("SELECT 1 FROM worker")) > known, SECONDS, "the second one looks")
    assert fleet.row(one)["status"] == "downloading"

    first.start(**for_ages)
    fleet.wait_for_status(one, "failed")
    assert fleet.row(one)["reason"] == "interrupted"
    assert fleet.takings()[before] == first.name
    assert is_well(fleet)


def test_an_install_that_was_just_claimed_outlives_a_restart_of_postgresql(fleet):
    one = next(iter(fleet.files))
    first = fleet.workers[0]
    (first.stage / "armed").write_text("after downloads.models.DownloadHistory.claim_next")
    first.start(**OUTLIVES)
    fleet.install(*fleet.files)
    wait_for((first.stage / "reached").exists, SECONDS, "it is claimed")
    fleet.postgres.restart()
    (first.stage / "release").touch()
    assert fleet.wait_for_status(one, "completed", "failed") == "completed"
    assert is_well(fleet)


def test_an_install_outlives_a_restart_of_postgresql(fleet):
    one = next(iter(fleet.files))
    fleet.hub.total_speed = 2_000_000
    fleet.start(**OUTLIVES)
    fleet.install(*fleet.files)
    fleet.wait_for_bytes(one)
    fleet.postgres.restart()
    assert fleet.wait_for_status(one, "completed", "failed") == "completed"
    assert fleet.rows_of(one) == 1
    assert is_well(fleet)


def test_a_worker_that_hears_nothing_of_the_database_stops_and_another_goes_on(fleet):
    one, two, three = fleet.files
    fleet.hub.total_speed = 300_000
    fleet.start()
    fleet.install(one, two)
    cut_off = fleet.wait_for_holder()
    cut_off.proxy.hang()
    fleet.wait_for_status(one, "failed")
    fleet.hub.total_speed = 0
    fleet.wait_for_status(two, "completed")

    assert fleet.row(one)["reason"] == "interrupted"
    assert fleet.takings()[-1] == fleet.others(cut_off)[0].name
    cut_off.proxy.heal()
    fleet.install(three)
    assert is_well(fleet)


def test_a_worker_that_nobody_followed_gives_its_row_back_and_goes_on(fleet):
    one = next(iter(fleet.files))
    fleet.hub.total_speed = 300_000
    worker = fleet.workers[0]
    worker.start()
    fleet.install(*fleet.files)
    fleet.wait_for_bytes(one)
    worker.proxy.cut()
    wait_for(lambda: "The lease on the queue is lost" in worker.log.read_text(), SECONDS, "it finds out")
    fleet.hub.total_speed = 0
    worker.proxy.heal()
    fleet.wait_for_status(one, "completed")

    assert fleet.rows_of(one) == 1
    assert fleet.row(one)["claim"] == 2
    assert is_well(fleet)


def killed_in_the_middle_of(fleet: Fleet, name: str) -> tuple[Worker, list[int], list[int]]:
    """The worker, and the files of what is begun, by inode: before, and once another one took over."""

    def begun() -> list[int]:
        return [(fleet.models / file).stat().st_ino for file in fleet.part(name)]

    fleet.install(name)
    holder = fleet.wait_for_holder()
    fleet.wait_for_bytes(name)
    before = begun()
    holder.kill()
    fleet.wait_for_status(name, "failed")
    return holder, before, begun()


def test_what_a_killed_worker_began_is_continued_only_where_the_host_promises_a_sha256(fleet):
    promised, other, without_sha256 = fleet.files
    fleet.hub.total_speed = 300_000
    fleet.start()
    killed, before, after = killed_in_the_middle_of(fleet, promised)
    assert before == after
    killed.start()
    _, before, after = killed_in_the_middle_of(fleet, without_sha256)
    assert (len(before), after) == (1, [])
    fleet.install(other)
    assert is_well(fleet)


def test_a_clean_stop_hands_the_row_on_at_once(fleet):
    """Long before its lease would run out."""
    one = next(iter(fleet.files))
    fleet.hub.total_speed = 300_000
    fleet.start(COMFYDASH_LEASE_SECONDS=str(100 * SECONDS))
    fleet.install(*fleet.files)
    holder = fleet.wait_for_holder()
    fleet.wait_for_bytes(one)
    assert holder.stop() == 0
    assert fleet.row(one)["status"] in {"queued", "downloading"}
    fleet.hub.total_speed = 0
    fleet.wait_for_status(one, "completed")

    assert fleet.takings()[-1] == fleet.others(holder)[0].name
    assert fleet.rows_of(one) == 1
    assert is_well(fleet)
