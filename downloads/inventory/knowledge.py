"""Is the file of a preset here? Derived from the disk and the records whenever somebody asks."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from activity.database_clock import database_now
from downloads.file_records import ModelFile, RemoteFile
from downloads.inventory import scan
from downloads.inventory.keep_both import address_hash
from downloads.inventory.scan import FoundFile, ModelsIndex, canonical, models_index, resolved
from downloads.inventory.state import (
    BROKEN,
    CONFLICT,
    HERE,
    MISSING,
    PARTIAL,
    PENDING,
    UNVERIFIED,
    Record,
    is_here,
    state_of,
    vouches,
)
from downloads.transfer import partial_bytes
from modelfiles.errors import NotAModel
from modelfiles.structure import check_structure

__all__ = ["BROKEN", "CONFLICT", "HERE", "MISSING", "PARTIAL", "UNVERIFIED", "Knowledge", "Record", "is_here"]

log = logging.getLogger(__name__)


class Remote(NamedTuple):
    """What a host said of a URL, as far as it matters here: a RemoteFile without the cost of a model object."""

    url: str
    size: int | None
    sha256: str
    gated: bool


@dataclass(frozen=True)
class Knowledge:
    """The disk and all records about a set of files, read with one scan and two queries."""

    index: ModelsIndex
    records: dict[str, Record]
    remotes: dict[str, Remote]

    @classmethod
    def gather(cls, urls: Iterable[str] | None = None) -> Knowledge:
        """About the given URLs, or about every URL on record when None."""
        remotes = RemoteFile.objects.all() if urls is None else RemoteFile.objects.filter(url__in=list(urls))
        # Of two records of one place (aliases, a disk that ignores case) the newer one counts.
        rows = ModelFile.objects.order_by("installed_at", "path").values_list(*Record._fields)
        records = {canonical(row[0]): Record(*row) for row in rows}
        if _published_elsewhere(records.values()) or _changed_in_place(records):
            scan.forget()
        return cls(models_index(), records, {row[0]: Remote(*row) for row in remotes.values_list(*Remote._fields)})

    def place(self, path: str, url: str, sha256: str = "") -> str:
        """Where the file of this address is: at its path, or beside it, when other bytes have the path and both are
        kept."""
        options = self.index.beside.get(canonical(path))
        if not options:
            return path
        expected = self._expected(url, sha256)
        own = [place for place, digits in options if self._is_meant(place, digits, url, expected)]
        if not own or self._state(path, url, expected) == HERE:
            return path
        here = [place for place in own if is_here(self._state(place, url, expected))]
        if not here and is_here(self._state(path, url, expected)):
            return path
        place = (here or own)[0]
        found = self.index.files.get(place)
        return resolved(found.path) if found else place

    def _is_meant(self, place: str, digits: str, url: str, expected: str) -> bool:
        record = self.records.get(place) if place in self.index.files else None
        if record is None:
            return digits in {expected[:8], address_hash(url)[:8]}
        return record.sha256 == expected if expected and record.sha256 else record.url == url

    def state(self, path: str, url: str, sha256: str = "") -> str:
        """here, unverified (here, but nobody recorded the SHA-256 of these bytes), conflict (other bytes stand there),
        broken (what stands there is no model), partial or missing."""
        return self._state(self.place(path, url, sha256), url, self._expected(url, sha256))

    def _expected(self, url: str, sha256: str) -> str:
        remote = self.remotes.get(url)
        return sha256 or (remote.sha256 if remote else "")

    def _state(self, path: str, url: str, expected: str) -> str:
        found = self.index.find(path)
        if found is None:
            return PARTIAL if canonical(path) in self.index.partials else MISSING
        record = self.records.get(canonical(path))
        if record and record.mtime_ns == PENDING and self._is_begun(path):
            # Its worker died before the rename: it speaks of what is begun, and nobody knows what stands there.
            if record.url == url:
                return PARTIAL
            record = None
        remote = self.remotes.get(url)
        return state_of(
            found,
            record,
            url=url,
            expected=expected,
            size=remote.size if remote else None,
            is_complete=lambda: is_complete(found),
        )

    def _is_begun(self, path: str) -> bool:
        place = canonical(path)
        return place in self.index.partials or place in self.index.links

    def is_known(self, path: str, url: str) -> bool:
        """Can the bytes that stand there be compared with those of the URL without asking its host?"""
        record = self.records.get(canonical(path))
        return url in self.remotes or (record is not None and record.url == url)

    def bytes_here(self, path: str) -> int:
        """Bytes of the file or of its partial that are on disk."""
        if found := self.index.find(path):
            return found.size
        partial = self.index.partials.get(canonical(path))
        return partial_bytes(partial.root, partial.begun_below_root) if partial else 0


def _published_elsewhere(records: Iterable[Record]) -> bool:
    """Has the worker recorded a file since the scan that this process still believes?

    Otherwise the page that is told of an end would look at the disk as it was before, and stay at that.
    """
    index, since = models_index(), database_now() - timedelta(seconds=scan.MAX_AGE)
    fresh = [record for record in records if record.installed_at > since]
    return any((found := index.find(record.path)) is None or not vouches(record, found) for record in fresh)


def _changed_in_place(records: dict[str, Record]) -> bool:
    files = models_index().files
    return scan.changed_in_place(files[place] for place in records if place in files)


def is_complete(found: FoundFile) -> bool:
    """Larger than zero, no Git-LFS pointer, and a header that is complete against its size.

    A file that cannot be read now is not called broken for that, which would let an install put another in its place.
    """
    try:
        return _is_complete(str(found.file), found.size, found.mtime_ns)
    except FileNotFoundError:
        return False
    except OSError as error:
        log.warning("%s cannot be read: %s", found.path, error.strerror or error)
        return found.size > 0


@lru_cache(maxsize=20_000)
def _is_complete(file: str, size: int, mtime_ns: int) -> bool:
    """Cached by path, size and time: the header is read once per version of the file. Raises OSError."""
    try:
        check_structure(Path(file))
    except NotAModel:
        return False
    return size > 0
