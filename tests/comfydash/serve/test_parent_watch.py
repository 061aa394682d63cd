from __future__ import annotations

import os
import signal

import pytest

from tests.comfydash.serving import is_alive, serving, wait_for

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "with a stopped worker"])
def test_a_killed_supervisor_leaves_no_orphan(tmp_path, stopped):
    with serving(tmp_path) as serve:
        serve.wait_until_healthy()
        children = serve.children()
        if stopped:
            os.kill(children["worker"], signal.SIGSTOP)
        serve.process.kill()
        serve.process.wait()
        wait_for(lambda: not any(map(is_alive, children.values())), name="no orphan")
    with serving(tmp_path) as again:
        again.wait_until_healthy()


def test_a_supervisor_killed_during_the_start_leaves_no_orphan(tmp_path):
    with serving(tmp_path) as serve:
        children = wait_for(serve.children)
        serve.process.kill()
        serve.process.wait()
        wait_for(lambda: not any(map(is_alive, children.values())), name="no orphan")
