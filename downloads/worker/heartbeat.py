"""Is the worker alive? A row for the dashboards and a file for the supervisor, which loads no Django."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import connections
from django.db.models.functions import Now

from downloads.workers import Worker, WorkerState
from volumes import held_file

log = logging.getLogger(__name__)

LIMIT = float(os.environ.get("COMFYDASH_HEARTBEAT_LIMIT", "30"))  # the supervisor's; lowered by tests only
INTERVAL = min(5.0, LIMIT / 6)  # seconds between beats
HUNG_AFTER = 60.0  # seconds without a tick while bytes flow: two a second are the rule, but volumes pause for a while
LOST_AFTER = 120.0  # seconds for everything else: one look at a slow volume may take that long

NAME = uuid4().hex  # of this process among the workers of its database
_due: float | None = None  # monotonic time by which the running install has to give the next sign of life


def working(seconds: float = LOST_AFTER) -> None:
    """A sign of life of the running install; the next one comes within ``seconds`` seconds, or it hangs."""
    global _due
    _due = time.monotonic() + seconds


def idle() -> None:
    global _due
    _due = None


def hangs() -> bool:
    return _due is not None and time.monotonic() > _due


def beat() -> None:
    """Touch file and row, unless the install that runs has stopped ticking: then the supervisor is to see it."""
    touch_file()
    touch_row()


def touch_file() -> None:
    if hangs():
        log.error("The running install does not move any more; no heartbeat, so that this worker is replaced.")
        return
    try:
        file = settings.DATA_DIR / "worker.heartbeat"
        file.touch(mode=0o600)
        held_file.touch(file)
    except OSError as error:
        log.warning("No heartbeat file: %s", error)


def touch_row() -> None:
    if hangs():
        return
    host, pid = socket.gethostname(), os.getpid()
    try:
        Worker.beat(NAME, host, pid, settings.VERSION)
        WorkerState.objects.update_or_create(pk=WorkerState.ONLY, defaults={"seen_at": Now(), "host": host, "pid": pid})
    except DatabaseFailure as error:
        log.warning("No heartbeat row: %s", error)


def start(stop: threading.Event) -> None:
    """Beat until stop is set, file and row in a thread each: a locked database must not look like a dead worker."""

    def loop(touch: Callable[[], None]) -> None:
        while not stop.is_set():
            touch()
            connections.close_all()
            stop.wait(INTERVAL)

    for touch in (touch_file, touch_row):
        threading.Thread(target=loop, args=(touch,), name=f"heartbeat-{touch.__name__}", daemon=True).start()


def worker_status() -> dict[str, Any]:
    """``{alive, seen_at}`` for heartbeats, pages and /healthz: whether any worker lives, and when one was seen last."""
    alive = Worker.objects.seen_recently().first()
    newest = alive or Worker.objects.first()
    return {
        "alive": alive is not None,
        "seen_at": newest.seen_at.isoformat().replace("+00:00", "Z") if newest else None,
    }
