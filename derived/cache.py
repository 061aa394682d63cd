"""What is derived from files and kept between starts: read in one query, written in bulk.

Nothing is lost with it. A table that is locked, full or damaged, a row of other code or one that cannot be read costs
deriving the value again, and never fails who asked.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from django.db import Error, connection, transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from derived.models import DerivedValue
from volumes.file_names import shown

Value = TypeVar("Value")
MOST_BYTES = 64 * 2**20  # of all values; those that were not used for longest go first
UNUSED = timedelta(days=30)  # after which a value goes: most likely its file is gone
USED_AGAIN = timedelta(days=1)  # between two notes that a value is used
LONGEST_PATH = 1024  # bytes of UTF-8; PostgreSQL indexes no text of more than 2,700
MOST_NAMED = 500  # rows that one query names
LOCK_MS = 250  # milliseconds that a write waits for SQLite's lock; a person waits for the page meanwhile
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)  # what decoding damage raises
log = logging.getLogger(__name__)

_Key = tuple[str, int, int]


class FileState(NamedTuple):
    """A file as it was when something was derived from it. What is no file has a name and no size and time."""

    path: str
    size: int = 0  # bytes
    mtime_ns: int = 0

    @classmethod
    def of(cls, file: Path) -> FileState:
        """As it is now. Raises OSError."""
        status = file.stat()
        return cls(str(file), status.st_size, status.st_mtime_ns)


class DerivedCache(Generic[Value]):
    """The values of one kind. Safe from several threads, processes and hosts.

    ``version`` is that of the code that derives. ``decode`` raises one of `UNREADABLE` for what ``encode`` did not
    make. No bytes stand for "there is none", which is believed for ``none_seconds``.
    """

    def __init__(
        self,
        kind: str,
        version: str,
        encode: Callable[[Value], bytes],
        decode: Callable[[bytes], Value],
        *,
        none_seconds: float = math.inf,
    ) -> None:
        self.kind, self.version, self.none_seconds = kind, version, none_seconds
        self._encode, self._decode = encode, decode

    def read(self, states: Iterable[FileState]) -> dict[FileState, Value]:
        """What is known of files in these states: one query, and once a day the note that it is used."""
        wanted = {key: state for state in states if _fits(key := _key(state))}
        rows = self._rows().annotate(unnoted=Q(used_at__lt=timezone.now() - USED_AGAIN))
        if len(wanted) <= MOST_NAMED:
            rows = rows.filter(path__in={path for path, *_ in wanted})
        found: dict[FileState, Value] = {}
        unnoted: list[int] = []
        columns = "pk", "unnoted", "path", "size", "mtime_ns", "value"
        try:
            for pk, is_unnoted, *key, value in rows.values_list(*columns):
                state = wanted.get(tuple(key))
                if state is not None and self._decode_into(found, state, value) and is_unnoted:
                    unnoted.append(pk)
        except Error as error:
            log.debug("What was derived from files cannot be read, and is derived anew: %s", error)
        if unnoted:
            _try(lambda: _note_use(unnoted))
        return found

    def sizes(self) -> dict[str, int]:
        """The bytes of each value by its path as shown, 0 where there is none. One query."""
        try:
            return dict(self._rows().values_list("path", "value_bytes"))
        except Error as error:
            log.debug("What was derived from files cannot be listed: %s", error)
            return {}

    def write(self, values: Mapping[FileState, Value]) -> None:
        """Keep them, where the database can do so now."""
        keyed = {_key(state): value for state, value in values.items()}
        # In the order of their keys, so that two writers on PostgreSQL never wait for each other.
        rows = [self._row(key, self._encode(keyed[key])) for key in sorted(keyed) if _fits(key)]
        if rows:
            _try(lambda: _store(rows))

    def _rows(self) -> QuerySet[DerivedValue]:
        rows = DerivedValue.objects.filter(kind=self.kind, version=self.version)
        if self.none_seconds < math.inf:
            asked_before = timezone.now() - timedelta(seconds=self.none_seconds)
            rows = rows.exclude(Q(value_bytes=0, made_at__lt=asked_before))
        return rows

    def _row(self, key: _Key, value: bytes) -> DerivedValue:
        path, size, mtime_ns = key
        return DerivedValue(
            kind=self.kind,
            path=path,
            size=size,
            mtime_ns=mtime_ns,
            version=self.version,
            value_bytes=len(value),
            value=value,
        )

    def _decode_into(self, found: dict[FileState, Value], state: FileState, value: bytes | memoryview) -> bool:
        try:
            found[state] = self._decode(bytes(value))
        except UNREADABLE as error:
            log.debug("The %s of %s is derived anew: %s", self.kind, shown(state.path), error)
        return state in found


def _key(state: FileState) -> _Key:
    return shown(state.path), state.size, state.mtime_ns


def _fits(key: _Key) -> bool:
    """Whether each database can hold it. A file's time may be one of the year 2400."""
    path, size, mtime_ns = key
    return "\0" not in path and len(path.encode()) <= LONGEST_PATH and max(size, abs(mtime_ns)) < 2**63


def _try(change: Callable[[], None]) -> None:
    """A transaction that may fail, soon and quietly: it only costs deriving again."""
    try:
        with _short_wait(), transaction.atomic():
            change()
    except Error as error:
        log.debug("What was derived from files is not kept: %s", error)


@contextmanager
def _short_wait() -> Iterator[None]:
    """SQLite waits 20 s for its lock, which is worth it for what a person asked for, not for this."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        usual = cursor.fetchone()[0]
        cursor.execute(f"PRAGMA busy_timeout = {LOCK_MS}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {usual}")


def _store(rows: list[DerivedValue]) -> None:
    DerivedValue.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["kind", "path", "size", "mtime_ns"],
        update_fields=["version", "made_at", "used_at", "value_bytes", "value"],
    )
    _evict()


def _note_use(pks: list[int]) -> None:
    for some in _chunks(pks):
        DerivedValue.objects.filter(pk__in=some).update(used_at=timezone.now())


def _evict() -> None:
    DerivedValue.objects.filter(used_at__lt=timezone.now() - UNUSED).delete()
    total = DerivedValue.objects.aggregate(bytes=Sum("value_bytes"))["bytes"] or 0
    if total <= MOST_BYTES:
        return
    gone = []
    for pk, size in DerivedValue.objects.order_by("used_at", "pk").values_list("pk", "value_bytes"):
        gone.append(pk)
        total -= size
        if total <= MOST_BYTES:
            break
    for some in _chunks(gone):
        DerivedValue.objects.filter(pk__in=some).delete()


def _chunks(pks: list[int]) -> Iterator[Collection[int]]:
    return (pks[start : start + MOST_NAMED] for start in range(0, len(pks), MOST_NAMED))
