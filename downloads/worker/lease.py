"""The lease on the queue where machines share PostgreSQL: renewed in time, and given up before it runs out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.db import DatabaseError, InterfaceError, connection, connections

from downloads.transfer import Fence
from downloads.worker import heartbeat
from downloads.workers import WorkerLease

log = logging.getLogger(__name__)

LASTS_SECONDS = WorkerLease.LASTS.total_seconds()
RENEW_SECONDS = LASTS_SECONDS / 4
AGAIN_SECONDS = 1.0  # after a renewal that failed
MARGIN_SECONDS = LASTS_SECONDS / 4  # before the lease runs out its holder has stopped, whatever it waits for
ANSWER_SECONDS = min(3.0, LASTS_SECONDS / 6)  # for the database to answer a renewal; then it is asked anew
IDLE_IN_TRANSACTION = "-c idle_in_transaction_session_timeout=10s"
# Goes on while the machine is suspended, and nobody sets it.
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Lease:
    """Held from ``take`` to ``give_back``, or until it could not be renewed: from then on it is lost for good.

    When it ends, the holder counts by its own clock, from before the statement was sent.
    """

    def __init__(self, row: WorkerLease, sent: float) -> None:
        self._row = row
        self._ends = sent + LASTS_SECONDS - MARGIN_SECONDS
        self._lost, self._over = threading.Event(), threading.Event()
        self.fence = Fence(row.fence, self.holds)
        threading.Thread(target=self._keep, name="lease", daemon=True).start()

    @classmethod
    def take(cls, own: str = "") -> Lease | None:
        """None while another holds it, unless that one goes by the name ``own``: it is dead. Raises DatabaseError."""
        sent = _now()
        row = WorkerLease.take(f"{own or heartbeat.NAME}-{uuid4().hex[:8]}", own)
        return cls(row, sent) if row else None

    def holds(self) -> bool:
        if _now() >= self._ends:
            self._lost.set()
        return not self._lost.is_set()

    def give_back(self) -> None:
        """At once for whoever waits. Raises DatabaseError; then it runs out."""
        self._over.set()
        self._row.give_back()

    def _keep(self) -> None:
        with answered_within(ANSWER_SECONDS):
            pause = RENEW_SECONDS
            while not self._over.wait(pause) and self.holds():
                # Of an install that hangs nobody knows whether it writes: another worker is to go on.
                pause = AGAIN_SECONDS if heartbeat.hangs() or not self._renew() else RENEW_SECONDS
        if not self._over.is_set():
            log.warning("The lease on the queue is lost; what is being installed stops, and its bytes are kept.")

    def _renew(self) -> bool:
        sent = _now()
        try:
            if not self._row.renew():
                self._lost.set()
                return False
        except (DatabaseError, InterfaceError) as error:
            log.warning("The lease on the queue could not be renewed: %s", error)
            connection.close()
            return False
        self._ends = sent + LASTS_SECONDS - MARGIN_SECONDS
        return True


@contextmanager
def answered_within(seconds: float) -> Iterator[None]:
    """On a connection of this thread's own that waits no longer for an answer, and whose transactions do not stand
    still: the server ends one whose client says nothing, for one that froze in it locks rows."""
    wrapper = connections["default"]
    usual = wrapper.settings_dict
    options = usual["OPTIONS"]
    wrapper.close()
    wrapper.settings_dict = {
        **usual,
        "SILENCE_SECONDS": seconds,
        "OPTIONS": {
            **options,
            "connect_timeout": max(2, round(min(seconds, 5.0))),  # libpq takes no less
            "options": f"{options.get('options', '')} {IDLE_IN_TRANSACTION}".strip(),
        },
    }
    try:
        yield
    finally:
        wrapper.settings_dict = usual
        wrapper.close()


def _now() -> float:
    return time.clock_gettime(CLOCK)
