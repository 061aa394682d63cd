"""One worker after the other on one queue: what a killed, frozen or cut-off one leaves, and that it does no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.comfydash.serving import wait_for
from tests.fleet.fleet import SECONDS, Fleet, Worker
from tests.fleet.postgresql import programs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL server here: apt-get install postgresql"),
]
RENAME = "before downloads.transfer.part.file.Partial.publish\nbefore downloads.transfer.part.file.rename_over"
WITHOUT_SHA256 = "P2"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(tmp_path, installs=3) as fleet:
        yield fleet


def installing(fleet: Fleet) -> Worker:
    return wait_for(fleet.holder, SECONDS, "somebody installs")  # type: ignore[return-value]


def start(fleet: Fleet) -> None:
    for worker in fleet.workers:
        worker.start()


def the_other(fleet: Fleet, worker: Worker) -> Worker:
    return next(other for other in fleet.workers if other is not worker)


def test_a_worker_that_froze_right_before_the_rename_publishes_nothing_and_writes_nothing_when_it_wakes(fleet):
    """With its last look at the lease behind it, and the lock on the .part in its hands."""
    first, second = fleet.workers
    (first.stage / "armed").write_text(RENAME)
    first.start()
    fleet.install("P0", "P1")
    wait_for((first.stage / "reached").exists, SECONDS, "the moment before the rename")
    fence = fleet.row("P0")["fence"]
    first.freeze()
    assert fleet.part("P0") == [f"P0.safetensors.{fence}.part"]

    second.start()
    wait_for(lambda: fleet.row("P1")["status"] == "completed", SECONDS, "the queue goes on")
    assert (fleet.row("P0")["status"], fleet.row("P0")["reason"]) == ("failed", "interrupted")
    written = len(fleet.entries())

    second.kill()  # so that the first one has to take the lease anew before it can do anything
    (first.stage / "release").touch()
    first.wake()
    fleet.install("P2")
    wait_for(lambda: fleet.row("P2")["status"] == "completed", SECONDS, "it goes on with the queue")
    assert not (fleet.models / "P0.safetensors").exists()
    by_first = [entry.what for entry in fleet.entries()[written:] if entry.who == first.name]
    assert by_first[0] == "taken"
    fleet.bring_all()
    assert not fleet.faults()


def test_a_worker_that_was_killed_takes_its_own_lease_back_at_once_and_nobody_else_does(tmp_path):
    with Fleet(tmp_path, installs=1, lease_seconds=10 * SECONDS) as fleet:
        first, second = fleet.workers
        gate = fleet.hub.gate(fleet.files["P0"], at_byte=3_000_000)
        first.start()
        fleet.install("P0")
        assert gate.reached.wait(SECONDS)
        first.kill()
        second.start()
        wait_for(lambda: len(fleet.rows("SELECT 1 FROM worker")) == 2, SECONDS, "the second one looks")
        assert fleet.row("P0")["status"] == "downloading"

        fleet.hub.heal()
        first.start()
        wait_for(lambda: fleet.row("P0")["status"] == "failed", SECONDS, "it is found interrupted")
        fleet.bring_all()
        assert set(fleet.takings()[:2]) == {first.name}
        assert not fleet.faults()


def test_an_install_that_was_just_claimed_outlives_a_restart_of_postgresql(fleet):
    first = fleet.workers[0]
    (first.stage / "armed").write_text("after downloads.models.DownloadHistory.claim_next")
    first.start()
    fleet.install("P0")
    wait_for((first.stage / "reached").exists, SECONDS, "it is claimed")
    fleet.postgres.restart()
    (first.stage / "release").touch()
    wait_for(lambda: fleet.row("P0")["status"] in {"completed", "failed"}, SECONDS, "its end")
    assert fleet.row("P0")["status"] == "completed"
    fleet.install("P1", "P2")
    fleet.bring_all()
    assert not fleet.faults()


def test_an_install_outlives_a_restart_of_postgresql(fleet):
    fleet.hub.total_speed = 1_000_000
    start(fleet)
    fleet.install("P0")
    installing(fleet)
    fleet.postgres.restart()
    wait_for(lambda: fleet.row("P0")["status"] in {"completed", "failed"}, SECONDS, "its end")
    assert fleet.row("P0")["status"] == "completed"

    assert len(fleet.rows("SELECT 1 FROM download_history")) == 1
    fleet.install("P1", "P2")
    fleet.bring_all()
    assert not fleet.faults()


def test_a_worker_that_hears_nothing_of_the_database_stops_and_another_goes_on(fleet):
    fleet.hub.total_speed = 300_000
    start(fleet)
    fleet.install("P0", "P1")
    cut_off = installing(fleet)
    other = the_other(fleet, cut_off)
    cut_off.proxy.hang()
    wait_for(lambda: fleet.row("P0")["status"] == "failed", SECONDS, "the other one takes over")
    fleet.hub.total_speed = 0
    wait_for(lambda: fleet.row("P1")["status"] == "completed", SECONDS, "the queue goes on")

    assert fleet.row("P0")["reason"] == "interrupted"
    assert fleet.takings()[-1] == other.name
    cut_off.proxy.heal()
    fleet.install("P2")
    fleet.bring_all()
    assert not fleet.faults()


def test_a_worker_that_nobody_followed_gives_its_row_back_and_goes_on(tmp_path):
    with Fleet(tmp_path, installs=1, workers=1) as fleet:
        fleet.hub.total_speed = 300_000
        worker = fleet.workers[0]
        worker.start()
        fleet.install("P0")
        installing(fleet)
        worker.proxy.cut()
        wait_for(lambda: "The lease on the queue is lost" in worker.log.read_text(), SECONDS, "it finds out")
        fleet.hub.total_speed = 0
        worker.proxy.heal()
        wait_for(lambda: fleet.row("P0")["status"] == "completed", SECONDS, "it goes on by itself")

        assert len(fleet.rows("SELECT 1 FROM download_history")) == 1
        assert fleet.row("P0")["claim"] == 2
        assert not fleet.faults()


def test_what_a_killed_worker_began_is_continued_only_where_the_host_promises_a_sha256(fleet):
    fleet.hub.total_speed = 300_000
    start(fleet)
    for name, continues in (("P0", True), (WITHOUT_SHA256, False)):
        fleet.install(name)
        holder = installing(fleet)
        wait_for(lambda name=name: fleet.bytes_done(name), SECONDS, "bytes arrive")  # type: ignore[misc]
        begun = fleet.part(name)
        inode = (fleet.models / begun[0]).stat().st_ino
        holder.kill()
        wait_for(lambda name=name: fleet.row(name)["status"] == "failed", SECONDS, "interrupted")  # type: ignore[misc]
        left = fleet.part(name)
        assert [(fleet.models / file).stat().st_ino for file in left] == ([inode] if continues else [])
        assert left != begun
        holder.start()
    fleet.install("P1")
    fleet.hub.total_speed = 0
    fleet.bring_all()
    assert not fleet.faults()


def test_a_clean_stop_hands_the_row_on_at_once(fleet):
    fleet.hub.total_speed = 300_000
    start(fleet)
    fleet.install("P0")
    holder = installing(fleet)
    wait_for(lambda: fleet.part("P0"), SECONDS, "bytes arrive")
    assert holder.stop() == 0
    assert fleet.row("P0")["status"] in {"queued", "downloading"}
    fleet.hub.total_speed = 0
    wait_for(lambda: fleet.row("P0")["status"] == "completed", SECONDS, "the other one goes on")

    assert fleet.takings()[-1] == the_other(fleet, holder).name
    assert len(fleet.rows("SELECT 1 FROM download_history")) == 1
    fleet.install("P1", "P2")
    fleet.bring_all()
    assert not fleet.faults()
