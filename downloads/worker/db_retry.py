"""Writes that must not be lost to a database that is locked for a while."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError

from downloads.worker import heartbeat
from downloads.worker.consumer import stop_flag, stopping

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")
PAUSE_SECONDS = 1.0  # seconds between two tries; each try waits for the lock itself, 20 s by the settings


def while_locked(write: Callable[[], Answer]) -> Answer:
    """Try until the database is not locked any more or the worker is asked to stop.

    Anything but a lock (a full disk, a read-only file) is raised at once.
    """
    while True:
        heartbeat.working()
        try:
            return write()
        except OperationalError as error:
            if "locked" not in str(error) or stopping():
                raise
            log.warning("The database is locked by somebody else; the install waits for it.")
            stop_flag().wait(PAUSE_SECONDS)
