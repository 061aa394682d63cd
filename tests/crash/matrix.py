"""The moments of an install and who dies in them, as data."""

from __future__ import annotations

import signal
from dataclasses import dataclass


@dataclass(frozen=True)
class Moment:
    """Where the worker stands when it happens: at lines of code, at a byte of the network, or in a status."""

    name: str
    at: tuple[str, ...] = ()  # breakpoints passed in order, the last one stood at; see breakpoints/sitecustomize.py
    at_byte: int = 0  # the host sends nothing from here on
    file_status: str = ""  # what the row of the file must say before it happens
    backs_off: bool = False  # the host answers 503
    parked: bool = False  # the file is gated and there is no token
    paused: bool = False


PARTIAL = "downloads.transfer.part.file.Partial"
ROW = "downloads.models.DownloadHistory"
MIDDLE = 6_000_000

MOMENTS = (
    Moment("before the claim", at=(f"before {ROW}.claim_next",)),
    Moment("after the claim, before the first byte", at=("before downloads.worker.installer.Install.run",)),
    Moment("in a segment", at_byte=MIDDLE, file_status="downloading"),
    Moment("between bytes and journal", at=(f"before {PARTIAL}._note",)),
    Moment("while hashing", at=(f"before {PARTIAL}.read_into",), file_status="verifying"),
    Moment("before fsync", at=(f"before {PARTIAL}.finish",)),
    Moment("between fsync and record", at=(f"after {PARTIAL}.finish",)),
    Moment("between record and rename", at=(f"before {PARTIAL}.publish",)),
    Moment(
        "between rename and the end of the journal",
        at=(f"before {PARTIAL}.publish", "before downloads.transfer.part.file.delete_confined"),
    ),
    Moment("between rename and the file's row", at=(f"after {PARTIAL}.publish",)),
    Moment("before the install's row ends", at=(f"before {ROW}.complete",)),
    Moment("in back-off", backs_off=True, file_status="retrying"),
    Moment("while parked", parked=True),
    Moment("while paused", at_byte=MIDDLE, file_status="downloading", paused=True),
)


# While files are replaced, by force or because a person chose so; those in which nothing is replaced yet are left out.
REPLACING = tuple(moment for moment in MOMENTS if moment.at or (moment.at_byte and not moment.paused))


@dataclass(frozen=True)
class Victim:
    name: str
    parts: tuple[str, ...]  # worker, web, supervisor
    signal: signal.Signals


VICTIMS = (
    Victim("worker SIGKILL", ("worker",), signal.SIGKILL),
    Victim("worker SIGTERM", ("worker",), signal.SIGTERM),
    Victim("web SIGKILL", ("web",), signal.SIGKILL),
    Victim("both SIGKILL", ("worker", "web"), signal.SIGKILL),
    Victim("supervisor SIGKILL", ("supervisor",), signal.SIGKILL),
    Victim("supervisor SIGTERM", ("supervisor",), signal.SIGTERM),
)

# Each moment once, then each once more with the next victim …: a run that is stopped early has seen them all.
CASES = tuple(
    (moment, VICTIMS[(number + turn) % len(VICTIMS)])
    for turn in range(len(VICTIMS))
    for number, moment in enumerate(MOMENTS)
)
