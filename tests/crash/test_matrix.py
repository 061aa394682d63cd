"""Kill it in every moment: each moment once, its victim drawn by the seed; all of them with ``make test-slow``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.matrix import CASES, Moment, Victim
from tests.crash.scene import Scene

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene(tmp_path_factory.mktemp("crash") / "workspace") as scene:
        yield scene


@pytest.mark.sampled(1, each="moment")
@pytest.mark.parametrize(("moment", "victim"), CASES, ids=[f"{moment.name}-{victim.name}" for moment, victim in CASES])
def test_nothing_is_lost_wrong_or_stuck(scene: Scene, moment: Moment, victim: Victim) -> None:
    outcome = scene.play(moment, victim)

    if victim.parts == ("web",):  # the worker never notices
        assert outcome.again == 0
