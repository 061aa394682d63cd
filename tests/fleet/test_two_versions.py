"""A web of an earlier version beside one of this one, on one database, in the order that docs/deployment.md names."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.comfydash.serving import ROOT, running
from tests.fleet.fleet import Fleet
from tests.fleet.page import Page
from tests.fleet.places import HERE
from tests.fleet.postgresql import programs
from tests.fleet.redis_server import program
from tests.fleet.web import Web

BEFORE_THE_LEASE = "1edc277"
PAGES = ("/", "/models/", "/downloads/", "/workflows/", "/storage/", "/activity/", "/settings/")
ANSWERS = ("/api/presets/", "/api/presets/queue/status", "/api/downloads/history", "/api/settings", "/api/storage")


def has(commit: str) -> bool:
    found = shutil.which("git")
    asked = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    return found is not None and not subprocess.run(asked, cwd=ROOT, capture_output=True).returncode


pytestmark = [
    pytest.mark.slow,
    pytest.mark.sampled(6, of="fleet"),
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL server here: apt-get install postgresql"),
    pytest.mark.skipif(program() is None, reason="no redis-server here: apt-get install redis-server"),
]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(tmp_path, installs=3, workers=1, webs=0, with_redis=True) as fleet:
        yield fleet
        print(fleet.logs())  # shown when a test fails


def code_of(commit: str, folder: Path) -> Path:
    folder.mkdir()
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "x", "-C", str(folder)], input=packed, check=True)
    return folder


def add_web(fleet: Fleet, name: str, code: Path = ROOT) -> Web:
    variables = fleet.environment(name, fleet.postgres.url) | {"COMFYDASH_AUTH": "off"}  # for the pages
    web = fleet.enter(running(Web(HERE, code, fleet.workspace, "--no-worker", **variables)))
    assert web.url
    fleet.webs.append(web)
    return web


@pytest.mark.skipif(not has(BEFORE_THE_LEASE), reason=f"{BEFORE_THE_LEASE} is no commit of this checkout")
def test_webs_of_two_versions_answer_and_hear_side_by_side_during_an_upgrade(fleet: Fleet, tmp_path: Path) -> None:
    one, two, three = fleet.begin_files(3)
    old = add_web(fleet, "old", code_of(BEFORE_THE_LEASE, tmp_path / "old"))
    fleet.install(one)  # no worker of the earlier version runs any more
    add_web(fleet, "new")
    fleet.workers[0].start()
    fleet.hub.total_speed = 3_000_000
    with Page(fleet, web=0) as on_the_old, Page(fleet, web=1) as on_the_new:
        for name, web in ((two, 0), (three, 1)):
            fleet.ask("POST", f"/presets/{name}/install", web)
            for page in (on_the_old, on_the_new):
                page.hear("download_progress", "download_complete", preset_id=name)
    fleet.bring_all()
    for web in (0, 1):
        for path in (*PAGES, *ANSWERS, "/healthz"):
            assert (web, path, fleet.request("GET", path, web).status_code) == (web, path, 200)
        assert [fleet.ask("GET", f"/presets/{name}", web)["status"] for name in fleet.files] == ["installed"] * 3

    assert old.stop() == 0
    again = Web(HERE, old.code, fleet.workspace, "--no-worker", **fleet.environment("old", fleet.postgres.url))
    with running(again):
        assert again.wait() == 1
    assert "A newer ComfyDash changed the database" in again.output
