"""What Huey's consumer does with SIGTERM, as installed: the supervisor and the drain rely on it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def worker(folder: Path, kind: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.comfydash.patient_worker", str(folder / "queue.db"), kind]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout
    try:
        assert process.stdout.readline() == "started\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_running_task_learns_of_sigterm_and_ends_by_itself(tmp_path):
    with worker(tmp_path, "patient") as process:
        process.terminate()
        out, _ = process.communicate(timeout=60)
        assert (out, process.returncode) == ("gave back its row\nended\n", 0)


@pytest.mark.slow
def test_a_task_that_does_not_look_is_left(tmp_path):
    with worker(tmp_path, "stubborn") as process:
        process.terminate()
        out, _ = process.communicate(timeout=60)
        assert (out, process.returncode) == ("ended\n", 0)
