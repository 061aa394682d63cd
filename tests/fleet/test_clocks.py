"""Workers whose clocks are off: who lives, who works and what happened when is judged by the database's clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.comfydash.serving import wait_for
from tests.fleet.clocks import OffClock, compiler
from tests.fleet.fleet import Fleet
from tests.fleet.page import Page
from tests.fleet.postgresql import programs
from tests.fleet.redis_server import program
from tests.fleet.worker import SECONDS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.sampled(6, of="fleet"),
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL server here: apt-get install postgresql"),
    pytest.mark.skipif(program() is None, reason="no redis-server here: apt-get install redis-server"),
    pytest.mark.skipif(compiler() is None, reason="no C compiler here to set a clock with: apt-get install gcc"),
]
BEHIND, AHEAD = -180, 180
LINKS_LAST_SECONDS = 100  # less than the clocks are off


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Fleet(tmp_path_factory.mktemp("fleet"), installs=60, with_redis=True) as fleet:
        fleet.hub.link_seconds = LINKS_LAST_SECONDS
        yield fleet


@pytest.fixture
def fleet(standing: Fleet) -> Iterator[Fleet]:
    standing.begin()
    yield standing
    print(standing.logs())  # shown when a test fails


@pytest.fixture
def clock(tmp_path: Path) -> OffClock:
    return OffClock(tmp_path)


def worker_of_health(fleet: Fleet) -> str:
    return str(fleet.request("GET", "/healthz").json()["worker"])


def fetched(fleet: Fleet, name: str) -> int:
    return sum(line.sent for line in fleet.hub.log if line.path.endswith(f"{name}.safetensors"))


def assert_times_are_in_order(fleet: Fleet) -> None:
    for name in fleet.files:
        row = fleet.row(name)
        assert row["queued_at"] <= row["started_at"] <= row["completed_at"], name
    logged = "SELECT created_at - lag(created_at) OVER (ORDER BY id) AS since FROM activity"
    # Two may be written at the same moment.
    assert fleet.rows(f"SELECT since FROM ({logged}) AS spans WHERE since < interval '-5 seconds'") == []
    assert fleet.rows("SELECT 1 FROM activity WHERE created_at > now()") == []


def wait_for_more_bytes(fleet: Fleet, name: str) -> None:
    before = fleet.row(name).get("bytes_done", 0)
    wait_for(lambda: fleet.row(name).get("bytes_done", 0) > before, SECONDS, "bytes arrive")


@pytest.mark.parametrize("seconds", [BEHIND, AHEAD])
def test_a_worker_whose_clock_is_off_works_and_is_followed_as_any_other(
    fleet: Fleet, clock: OffClock, seconds: int
) -> None:
    one, two, _ = fleet.files
    off, right = fleet.workers
    clock.set(seconds)
    off.start(**clock.variables)
    fleet.hub.total_speed = 3_000_000
    with Page(fleet) as page:
        fleet.install(one)
        page.hear("download_progress", "download_complete", preset_id=one)
    fleet.wait_for_status(one, "completed")
    assert fleet.ask("GET", f"/presets/{one}")["status"] == "installed"
    assert fetched(fleet, one) == fleet.files[one].size

    fleet.hub.total_speed = 600_000
    right.start()
    fleet.install(two)
    fleet.wait_for_bytes(two)
    assert (worker_of_health(fleet), fleet.holder()) == ("ok", off)
    off.freeze()
    fleet.wait_for_status(two, "failed")
    assert fleet.takings()[-1] == right.name
    off.wake()
    fleet.install(*set(fleet.files) - {one, two})
    fleet.hub.total_speed = 0
    fleet.bring_all()
    assert fleet.faults() == []
    assert_times_are_in_order(fleet)


@pytest.mark.parametrize("seconds", [BEHIND, AHEAD])
def test_whether_a_worker_lives_does_not_hang_on_its_clock(fleet: Fleet, clock: OffClock, seconds: int) -> None:
    worker = fleet.workers[0]
    clock.set(seconds)
    worker.start(**clock.variables)
    wait_for(lambda: worker_of_health(fleet) == "ok", SECONDS, "it is seen")
    worker.kill()
    fleet.age_the_workers(31)
    assert worker_of_health(fleet) == "down"


def test_a_clock_that_is_set_while_a_file_is_fetched_disturbs_nothing(fleet: Fleet, clock: OffClock) -> None:
    one = next(iter(fleet.files))
    fleet.hub.total_speed = 1_500_000
    fleet.workers[0].start(**clock.variables)
    fleet.install(*fleet.files)
    for seconds in (2 * 3600, -2 * 3600):
        wait_for_more_bytes(fleet, one)
        assert fleet.row(one)["status"] == "downloading"
        clock.set(seconds)
    fleet.hub.total_speed = 0
    fleet.wait_for_status(one, "completed")
    assert (fleet.rows_of(one), len(fleet.takings())) == (1, 1)
    fleet.bring_all()
    assert fleet.faults() == []
    assert_times_are_in_order(fleet)
