"""Hosts whose packets vanish, so that neither side is told: two webs, two workers, PostgreSQL, Redis and the Hub, each
in a network namespace of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.comfydash.serving import wait_for
from tests.fleet.fleet import Fleet
from tests.fleet.page import Page
from tests.fleet.places import Host, Network, without_networks
from tests.fleet.postgresql import programs
from tests.fleet.redis_server import program
from tests.fleet.worker import SECONDS, Worker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.sampled(6, of="fleet"),
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL server here: apt-get install postgresql"),
    pytest.mark.skipif(program() is None, reason="no redis-server here: apt-get install redis-server"),
    pytest.mark.skipif(bool(without_networks()), reason=without_networks()),
]


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, network: Network) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with Fleet(folder, installs=60, webs=2, with_redis=True, network=network) as fleet:
        yield fleet


@pytest.fixture
def fleet(standing: Fleet) -> Iterator[Fleet]:
    standing.begin()
    yield standing
    print(standing.logs())  # shown when a test fails


def host(place: object) -> Host:
    assert isinstance(place, Host)
    return place


def cut_off(fleet: Fleet, worker: Worker, kind: str, *, on: bool) -> None:
    """From the database, or from everything."""
    database = host(fleet.postgres.place)
    if kind == "everything":
        worker.unplug() if on else worker.plug()
    if kind in {"both ways", "questions"}:
        worker.host.lose(database) if on else worker.host.find(database)
    if kind in {"both ways", "answers"}:
        database.lose(worker.host) if on else database.find(worker.host)


@pytest.mark.parametrize("kind", ["both ways", "questions", "answers", "everything"])
def test_a_host_that_is_cut_off_stops_in_time_keeps_its_bytes_and_is_followed(fleet: Fleet, kind: str) -> None:
    one, two, three = fleet.files
    fleet.hub.total_speed = 300_000
    fleet.start()
    fleet.install(one, two)
    worker = fleet.wait_for_holder()
    [other] = fleet.others(worker)
    fleet.wait_for_bytes(one)
    [begun] = [(fleet.models / name).stat().st_ino for name in fleet.part(one)]
    cut_off(fleet, worker, kind, on=True)
    try:
        fleet.wait_for_status(one, "failed")
        assert (fleet.row(one)["reason"], fleet.takings()[-1]) == ("interrupted", other.name)
        assert [(fleet.models / name).stat().st_ino for name in fleet.part(one)] == [begun]
        if kind != "everything":  # then the Hub's own buffers take bytes that never arrive
            assert fleet.transfers.last_byte(worker.name) < fleet.taken_at()
        fleet.hub.total_speed = 0
        fleet.wait_for_status(two, "completed")
        assert "The lease on the queue is lost" in worker.log.read_text()
    finally:
        cut_off(fleet, worker, kind, on=False)

    other.stop()
    fleet.ask("POST", f"/presets/{one}/retry")
    fleet.install(three)
    fleet.wait_for_status(three, "completed")
    assert fleet.takings()[-1] == worker.name
    fleet.bring_all()
    assert fleet.faults() == []


def test_an_install_and_the_pages_go_on_while_the_host_of_redis_is_cut_off(fleet: Fleet, network: Network) -> None:
    one, two, three = fleet.files
    assert fleet.redis
    redis = host(fleet.redis.place)
    fleet.hub.total_speed = 600_000
    fleet.start()
    with Page(fleet, web=0) as first, Page(fleet, web=1) as second:
        fleet.install(one)
        fleet.wait_for_bytes(one)
        network.unplug(redis)
        try:
            fleet.wait_for_status(one, "completed")
            fleet.hub.total_speed = 0
            fleet.install(two)
            fleet.wait_for_status(two, "completed")
            for page in (first, second):
                page.hear("heartbeat", queue=[])
        finally:
            network.plug(redis)
        wait_for(lambda: all(hears_news(fleet, page) for page in (first, second)), SECONDS, "news come again")
    fleet.install(three)
    fleet.bring_all()
    assert fleet.faults() == []


def hears_news(fleet: Fleet, page: Page) -> bool:
    fleet.change_something()
    return page.hears("activity")


def test_a_page_of_a_web_that_was_cut_off_hears_again_and_that_of_the_other_always(
    fleet: Fleet, network: Network
) -> None:
    one, two, three = fleet.files
    web = host(fleet.web_places[1])
    fleet.start()
    fleet.hub.total_speed = 3_000_000
    with Page(fleet, web=0) as first, Page(fleet, web=1) as second:
        network.unplug(web)
        try:
            fleet.install(one)
            first.hear("download_progress", "download_complete", preset_id=one)
        finally:
            network.plug(web)
        fleet.install(two, three)
        wait_for(lambda: hears_news(fleet, second), SECONDS, "news come again")
        second.hear("heartbeat", queue=[])
    assert fleet.request("GET", "/healthz", web=1).status_code == 200
    fleet.bring_all()
    assert fleet.faults() == []
