"""What counts as here. Everybody who asks whether a record speaks of the bytes that stand there asks this.

Same size and same time as on record: here, verified. Same size, another time: here, but unverified; it is hashed before
a wanted SHA-256 is believed of it, before it is written into a lock file, and when somebody verifies. It is never
fetched again for that alone: copies, restored backups and some volumes keep no times.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, Protocol

HERE, UNVERIFIED, PARTIAL, MISSING, CONFLICT, BROKEN = (
    "here",
    "unverified",
    "partial",
    "missing",
    "conflict",
    "broken",
)
SAME_TIME = 2_000_000_000  # ns; FAT keeps two seconds, some network file systems one
PENDING = -1  # as a record's time: its file may not have its name yet, and an older one stands there


class Stamped(Protocol):
    """A record, or a file: its bytes are taken for the same while both stay."""

    @property
    def size(self) -> int: ...
    @property
    def mtime_ns(self) -> int: ...


class Record(NamedTuple):
    """What is written down of a file on disk: a ModelFile without the cost of a model object."""

    path: str
    size: int
    mtime_ns: int
    sha256: str
    url: str
    installed_at: datetime


def vouches(record: Stamped, found: Stamped) -> bool:
    """Does the record speak of the bytes that stand there?

    A record is written before its file gets its name, so after a kill it may stand beside the older file, which can
    have the same size, and within two seconds the same time.
    """
    return (
        record.mtime_ns != PENDING and record.size == found.size and abs(record.mtime_ns - found.mtime_ns) <= SAME_TIME
    )


def state_of(
    found: Stamped,
    record: Record | None,
    *,
    url: str,
    expected: str,
    size: int | None,
    is_complete: Callable[[], bool],
) -> str:
    """Of a file that stands there: here, unverified, conflict (other bytes) or broken (no model).

    ``expected`` is the SHA-256 that is wanted or that the host has, ``size`` in bytes what the host says.
    """
    if record and vouches(record, found):
        if expected and record.sha256:
            return HERE if record.sha256 == expected else CONFLICT
        return CONFLICT if size is not None and size != found.size else HERE
    if not is_complete():
        return BROKEN
    if size is not None and size != found.size:
        return CONFLICT
    return CONFLICT if contradicts(record, found, url, expected) else UNVERIFIED


def contradicts(record: Record | None, found: Stamped, url: str, expected: str) -> bool:
    """Does the record say that these bytes came from another address and are others than those that are wanted?

    Even of a file whose time has changed that is not passed over: a person is asked, or it is hashed.
    """
    if record is None or record.size != found.size or record.url == url:
        return False
    return bool(expected and record.sha256 and record.sha256 != expected)


def may_describe(record: Stamped, found: Stamped) -> bool:
    """Same size, whatever the time: the record may be of these bytes, though it does not vouch for them."""
    return record.size == found.size


def is_here(state: str) -> bool:
    return state in {HERE, UNVERIFIED}
