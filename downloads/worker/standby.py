"""Where workers share PostgreSQL: each looks whether the queue waits for one, whoever had it before is gone or not."""

from __future__ import annotations

import logging
import threading

from django.db import DatabaseError, InterfaceError, connection

from downloads.worker import drain

log = logging.getLogger(__name__)

LOOK_SECONDS = 3.0


def start(stop: threading.Event) -> None:
    """In a thread that the process waits for at its end: a running install gives its row back first."""
    if connection.vendor == "postgresql":
        threading.Thread(target=_look, args=(stop,), name="standby").start()


def _look(stop: threading.Event) -> None:
    main = threading.main_thread()
    while not stop.wait(LOOK_SECONDS) and main.is_alive():
        try:
            if drain.is_waited_for():
                drain.drain_queue()
        except (DatabaseError, InterfaceError, OSError) as error:
            log.warning("The queue could not be looked at: %s", error)
            connection.close()
