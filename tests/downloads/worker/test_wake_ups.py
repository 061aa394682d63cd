"""Who waits for work is woken by who has some; a word that is lost costs a look at the queue."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from downloads.worker import sqlite_queue
from downloads.worker.sqlite_queue import SqliteQueue
from downloads.worker.wake_ups import ENDING, WakeUps
from tests.comfydash.serving import ROOT, wait_for
from volumes.runtime_folder import RuntimeFolder

LISTEN = """
import sys, time
from pathlib import Path
from downloads.worker.wake_ups import WakeUps
assert WakeUps(Path(sys.argv[1]), sys.argv[2]).listen()
print("listening", flush=True)
time.sleep(60)
"""


@pytest.fixture
def places(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """The data folder, and a short path where sockets go."""
    (tmp_path / "data").mkdir()
    with tempfile.TemporaryDirectory(prefix="wake-") as run:
        yield tmp_path / "data", run


def queue(places: tuple[Path, str]) -> SqliteQueue:
    data, run = places
    return SqliteQueue("wake", str(data / "queue.db"), run_dir=run)


def sockets(places: tuple[Path, str]) -> list[Path]:
    return RuntimeFolder(*places).sockets(ENDING)


def test_a_worker_that_waits_is_woken(places: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_queue, "POLL_SECONDS", 3600.0)
    worker, web = queue(places), queue(places)
    worker.work()
    found: list[bytes | None] = []
    thread = threading.Thread(target=lambda: found.append(worker.dequeue()), daemon=True)
    thread.start()

    web.enqueue(b"a task")
    thread.join(30)

    assert found == [b"a task"]


def test_a_word_between_the_look_and_the_wait_is_not_lost(places: tuple[Path, str]) -> None:
    ears = WakeUps(*places)
    assert ears.listen()
    heard = ears.heard
    WakeUps(*places).send()
    wait_for(lambda: ears.heard > heard, 30, "the word")

    ears.wait(heard, 3600.0)


def test_without_a_word_the_worker_looks_by_itself(places: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_queue, "POLL_SECONDS", 0.01)
    worker, elsewhere = queue(places), queue(places)
    worker.work()
    monkeypatch.setattr(elsewhere._wake_ups, "send", lambda: None)  # of a container with a kernel of its own
    assert worker.dequeue() is None
    elsewhere.enqueue(b"a task")
    assert worker.dequeue() == b"a task"


def test_who_is_no_worker_never_waits(places: tuple[Path, str]) -> None:
    web = queue(places)
    assert not web.blocking
    assert web.dequeue() is None
    assert sockets(places) == []


def test_what_a_killed_worker_left_is_cleared_away_by_the_next_word(places: tuple[Path, str]) -> None:
    command = [sys.executable, "-c", LISTEN, *map(str, places)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"listening\n"
        process.send_signal(signal.SIGKILL)
    assert len(sockets(places)) == 1

    WakeUps(*places).send()

    assert sockets(places) == []


def test_where_there_can_be_no_sockets_huey_polls_as_ever(places: tuple[Path, str]) -> None:
    RuntimeFolder(*places).path.touch()  # in the way
    worker = queue(places)
    worker.work()
    assert not worker.blocking
    worker.enqueue(b"a task")
    assert worker.dequeue() == b"a task"
