"""Is the worker alive? A row for the dashboards and a file for the supervisor, which loads no Django."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone

from downloads.models import WorkerState

log = logging.getLogger(__name__)

INTERVAL = 5.0  # seconds between beats
DEAD_AFTER = 30.0  # seconds without a beat after which the dashboard calls the worker dead
HUNG_AFTER = 120.0  # seconds that one install may go without a tick of its own

_busy_since: float | None = None


def working() -> None:
    """Called by the tick of a running install: it moves."""
    global _busy_since
    _busy_since = time.monotonic()


def idle() -> None:
    global _busy_since
    _busy_since = None


def beat() -> None:
    """Touch file and row, unless the install that runs has stopped ticking: then the supervisor is to see it."""
    if _busy_since is not None and time.monotonic() - _busy_since > HUNG_AFTER:
        log.error("The running install has not moved for %.0f s; no heartbeat, so that I am replaced.", HUNG_AFTER)
        return
    try:
        file = settings.DATA_DIR / "worker.heartbeat"
        file.touch()
        os.utime(file)
    except OSError as error:
        log.warning("No heartbeat file: %s", error)
    try:
        WorkerState.objects.update_or_create(
            pk=WorkerState.ONLY,
            defaults={"seen_at": timezone.now(), "host": socket.gethostname(), "pid": os.getpid()},
        )
    except DatabaseError as error:
        log.warning("No heartbeat row: %s", error)


def start(stop: threading.Event) -> None:
    """Beat in a thread of its own until stop is set."""

    def loop() -> None:
        while not stop.is_set():
            beat()
            connections.close_all()
            stop.wait(INTERVAL)

    threading.Thread(target=loop, name="heartbeat", daemon=True).start()


def worker_status() -> dict[str, Any]:
    """``{alive, seen_at}`` for heartbeats, pages and /healthz."""
    state = WorkerState.objects.filter(pk=WorkerState.ONLY).first()
    seen_at = state.seen_at if state else None
    alive = seen_at is not None and timezone.now() - seen_at < timedelta(seconds=DEAD_AFTER)
    return {"alive": alive, "seen_at": seen_at.isoformat().replace("+00:00", "Z") if seen_at else None}
