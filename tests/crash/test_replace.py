"""Kill a worker while files are replaced by others of the same size: nobody vouches for old bytes as new ones."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.crash.matrix import REPLACING, Moment, Victim
from tests.crash.scene import Scene

pytestmark = pytest.mark.slow
KILLED = Victim("worker SIGKILL", ("worker",), signal.SIGKILL)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene(tmp_path_factory.mktemp("replace") / "workspace") as scene:
        yield scene


@pytest.mark.sampled(5)
@pytest.mark.parametrize("wish", ["force", "replace"])
@pytest.mark.parametrize("moment", REPLACING, ids=[moment.name for moment in REPLACING])
def test_old_bytes_are_never_given_out_as_the_new_ones(scene: Scene, moment: Moment, wish: str) -> None:
    scene.play_replacing(moment, KILLED, wish)
