"""The search for files with the same content, which the worker does when a person asks for it."""

from __future__ import annotations

import logging
import os
import time
from collections import defaultdict
from collections.abc import Callable

from activity.database_clock import database_now
from library.models import DuplicateSearch, FileHash
from library.overview import StoredFile, overview
from volumes.checksum import sha256_of_open

log = logging.getLogger(__name__)

SAMPLE = 2**16  # bytes looked at in the beginning, the middle and the end
SMALLEST = 2**20  # bytes; duplicates of less are not worth reading for


class Halted(Exception):
    """The worker ends, or the search is no longer this one's. What was hashed is kept."""


def candidates() -> list[list[StoredFile]]:
    """Files of the same size, each real file once, of which at least one has no hash yet."""
    same_size: dict[int, dict[tuple[int, int], StoredFile]] = defaultdict(dict)
    for file in overview().files:
        if file.size >= SMALLEST:
            same_size[file.size].setdefault(file.found.identity, file)
    groups = [list(group.values()) for group in same_size.values()]
    return [group for group in groups if len(group) > 1 and not all(file.sha256 for file in group)]


def search(stop: Callable[[], bool]) -> int:
    """Hash what may be twofold, until stop says so; the number of files hashed.

    Many different checkpoints have exactly the same size, so a few samples decide first which are worth reading whole.
    """
    _forget_gone_files()
    progress = _Progress(stop)
    todo = [file for group in candidates() for file in _unhashed(group, progress)]
    progress.expect(sum(file.size for file in todo))
    hashed = 0
    for file in todo:
        try:
            sha256 = _sha256(file, progress)
        except OSError as error:  # gone or unreadable: it is no known duplicate then
            log.warning("%s could not be read for the search for duplicates: %s", file.found.file, error)
            continue
        if sha256:
            now = {"size": file.size, "mtime_ns": file.found.mtime_ns, "sha256": sha256}
            FileHash.objects.update_or_create(path=file.key, defaults=now)
            hashed += 1
    progress.finish()
    return hashed


def _forget_gone_files() -> None:
    here = {file.key for file in overview().files}
    gone = [pk for pk, path in FileHash.objects.values_list("pk", "path") if path not in here]
    FileHash.objects.filter(pk__in=gone).delete()


def _unhashed(group: list[StoredFile], progress: _Progress) -> list[StoredFile]:
    """The files of one size that look alike and have no hash."""
    alike: dict[bytes, list[StoredFile]] = defaultdict(list)
    for file in group:
        progress.add(0)
        try:
            alike[_sample(file)].append(file)
        except OSError as error:
            log.warning("%s could not be read for the search for duplicates: %s", file.found.file, error)
    return [file for files in alike.values() if len(files) > 1 for file in files if not file.sha256]


def _sample(file: StoredFile) -> bytes:
    parts = []
    with file.found.file.open("rb", buffering=0) as stream:
        for place in (0, file.size // 2, max(0, file.size - SAMPLE)):
            stream.seek(place)
            parts.append(stream.read(SAMPLE))
    return b"".join(parts)


def _sha256(file: StoredFile, progress: _Progress) -> str:
    """Hex, or nothing when the file is no longer what the look at the disk saw."""
    with file.found.file.open("rb", buffering=0) as stream:
        digest = sha256_of_open(stream, progress.add)
        status = os.fstat(stream.fileno())
    same = (status.st_size, status.st_mtime_ns) == (file.size, file.found.mtime_ns)
    return digest if same else ""


class _Progress:
    """Writes how far the search is, which also says that it lives, and hears that it is to end."""

    INTERVAL = 2.0  # seconds between two writes; far less than models.SILENT

    def __init__(self, stop: Callable[[], bool]) -> None:
        self.stop = stop
        self.done = self.total = 0
        self._write()

    def expect(self, total: int) -> None:
        self.total = total
        self._write()

    def add(self, count: int) -> None:
        """Raises Halted when the worker ends or the search is no longer this one's."""
        if self.stop():
            raise Halted
        self.done += count
        if time.monotonic() - self.wrote_at >= self.INTERVAL:
            self._write()

    def _write(self) -> None:
        self.wrote_at = time.monotonic()
        row = DuplicateSearch.objects.filter(pk=DuplicateSearch.ONLY, finished_at=None)
        if not row.update(seen_at=database_now(), bytes_done=self.done, bytes_total=self.total):
            raise Halted

    def finish(self) -> None:
        self.done = self.total
        self._write()
        DuplicateSearch.objects.filter(pk=DuplicateSearch.ONLY).update(finished_at=database_now())
