"""What the worker does for Storage."""

from __future__ import annotations

import logging
import threading

from django.db import DatabaseError, connections
from huey.contrib.djhuey import db_task

from downloads.worker.consumer import stopping
from library.duplicates import Halted, search

log = logging.getLogger(__name__)


# Queued messages know it by the name that the app began with.
@db_task(__module__="storage.tasks")
def find_duplicates() -> None:
    """Reading all models may take an hour, so it gets a thread of its own: Huey's few have to stay free."""
    threading.Thread(target=run, name="duplicates", daemon=True).start()


def run() -> None:
    try:
        hashed = search(stopping)
    except Halted:
        log.info("The search for duplicates was stopped; what it hashed is kept")
    except DatabaseError as error:
        log.warning("The search for duplicates ended: %s. Start it again on the Storage page.", error)
    else:
        log.info("The search for duplicates hashed %d files", hashed)
    finally:
        connections.close_all()
