"""Writes that must not be lost to a database that is locked, or away, for a while."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from downloads.worker import heartbeat
from downloads.worker.consumer import stop_flag, stopping

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")
PAUSE_SECONDS = 1.0  # seconds between two tries; each try waits for the lock itself, 20 s by the settings

# PostgreSQL's words (its manual, appendix A): the server shuts down, starts, or ended this session;
GONE = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "25P04", "08000", "08003", "08006"})
# a deadlock, a lock that is not to be had, a statement that took too long.
BUSY = frozenset({"40P01", "55P03", "57014"})


def while_locked(write: Callable[[], Answer]) -> Answer:
    """Try until the database answers and is not locked any more, or the worker is asked to stop.

    Anything else (a full disk, a read-only file) is raised at once.
    """
    said = False
    while True:
        heartbeat.working()
        try:
            return write()
        except (DatabaseError, InterfaceError) as error:
            away = is_away(error)
            if stopping() or not (away or _is_busy(error)):
                raise
            what = "does not answer" if away else "is locked by somebody else"
            log.log(
                logging.DEBUG if said else logging.WARNING,
                "The database %s; the install waits for it. (%s)",
                what,
                error,
            )
            said = True
            stop_flag().wait(PAUSE_SECONDS)


def is_away(error: Exception) -> bool:
    """Whether the connection to a PostgreSQL server was lost or could not be made; the next question makes one."""
    if connection.vendor != "postgresql" or not isinstance(error, (DatabaseError, InterfaceError)):
        return False
    if _code(error) in GONE and not connection.in_atomic_block:
        connection.close()
    # Django has made a new connection when the error ended a transaction, so that alone would tell nothing.
    if isinstance(error, OperationalError) and not _code(error):
        return True  # the server did not say this, so it was not heard
    return connection.connection is None or bool(connection.connection.closed)


def _is_busy(error: Exception) -> bool:
    return isinstance(error, OperationalError) and ("locked" in str(error) or _code(error) in BUSY)


def _code(error: Exception) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""
