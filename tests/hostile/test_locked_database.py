"""The database is locked by somebody else for longer than anybody waits, at the worst moments of an install."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from django.conf import settings
from django.db import OperationalError, connection, connections

from downloads.models import DownloadHistory, Status
from downloads.queue import enqueue
from downloads.worker import consumer
from downloads.worker.drain import fail_interrupted
from downloads.worker.installer import run_install
from extension_points import WantedFile
from tests.comfydash.serving import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

SIZE = 12_000_000


@contextmanager
def locked() -> Iterator[None]:
    """By another program, until the end of the block."""
    with closing(sqlite3.connect(settings.DATABASES["default"]["NAME"], isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


class Running:
    """An install in a thread of its own whose connection gives up on a lock at once."""

    def __init__(self, row: DownloadHistory) -> None:
        self.row = row
        self.raised: BaseException | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA busy_timeout = 10")
            run_install(self.row)
        except BaseException as error:
            self.raised = error
        finally:
            connections.close_all()


@pytest.fixture
def standing(hub, models):
    """An install in the middle of its bytes, and the gate that holds it."""
    file = hub.add_file("org/one", "one.safetensors", size=SIZE)
    enqueue("ONE", "The one", [WantedFile("checkpoints/one.safetensors", file.url)])
    row = DownloadHistory.claim_next()
    assert row
    gate = hub.gate(file, at_byte=SIZE // 2)
    running = Running(row)
    assert gate.reached.wait(60)
    yield running, gate
    gate.open()
    running.thread.join(60)


@pytest.fixture
def asked_to_stop():
    """Sets the worker's flag; cleared after the test."""
    yield consumer.stop_flag().set
    consumer.stop_flag().clear()


def test_the_lock_used_here_is_a_real_one():
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 10")
    with locked(), pytest.raises(OperationalError, match="locked"):
        DownloadHistory.objects.create(preset_id="A", title="A")
    connection.close()  # the next test's waits as long as ever


def test_a_stop_that_cannot_be_stored_ends_quietly_and_the_next_start_finds_the_row(standing, asked_to_stop):
    running, _ = standing
    with locked():
        asked_to_stop()
        running.thread.join(60)
    assert (running.thread.is_alive(), running.raised) == (False, None)

    row = DownloadHistory.objects.get(pk=running.row.pk)
    assert row.status == Status.DOWNLOADING
    assert fail_interrupted() == 1
    row.refresh_from_db()
    assert (row.status, row.reason) == (Status.FAILED, "interrupted")
    assert 0 < row.bytes_done < SIZE


def test_an_install_waits_for_the_lock_and_then_completes(standing, caplog):
    running, gate = standing
    with locked():
        gate.open()
        wait_for(lambda: "locked by somebody else; the install waits" in caplog.text, name="it has to wait")
    running.thread.join(60)
    assert (running.thread.is_alive(), running.raised) == (False, None)
    assert DownloadHistory.objects.get(pk=running.row.pk).status == Status.COMPLETED
