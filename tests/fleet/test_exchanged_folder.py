"""A volume that is exchanged, or goes away, under workers that run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.comfydash.serving import wait_for
from tests.fleet.fleet import Fleet
from tests.fleet.postgresql import programs
from tests.fleet.worker import SECONDS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.sampled(6, of="fleet"),
    pytest.mark.postgres,
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL server here: apt-get install postgresql"),
]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(tmp_path, installs=3, workers=1) as fleet:
        fleet.begin()
        yield fleet
        print(fleet.logs())  # shown when a test fails


def test_nothing_is_installed_into_a_folder_that_is_not_the_databases(fleet: Fleet) -> None:
    one, two, _ = fleet.files
    fleet.start()
    fleet.install(one)
    fleet.wait_for_status(one, "completed")
    models = fleet.workspace / "models"
    away = models.rename(fleet.workspace / "away")
    models.mkdir()
    fleet.install(two)
    wait_for(lambda: "Nothing is installed here" in fleet.logs(), SECONDS, "a word of the worker")
    assert fleet.row(two)["status"] == "queued"
    assert [found.name for found in models.rglob("*.safetensors*")] == []

    shutil.rmtree(models)
    away.rename(models)
    fleet.wait_for_status(two, "completed")
    assert (models / "checkpoints" / f"{two}.safetensors").exists()
