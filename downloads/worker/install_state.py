"""A claimed row with its files: what an install knows of them, and writes that count only while the row is ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils import timezone

from downloads.models import ENDED_FILES, DownloadFile, DownloadHistory, FileStatus
from downloads.transfer import Facts, Fence, Stopped, TransferError
from downloads.worker.db_retry import while_locked


class InstallState:
    """Used by the thread of the install alone, as the database is.

    What changes of a file is noted in memory, and `store` writes it for all files together.
    """

    def __init__(self, row: DownloadHistory, fence: Fence) -> None:
        self.row, self.fence = row, fence
        self.files = list(row.files.order_by("id"))
        self.facts: dict[str, Facts] = {}
        self.broken: set[str] = set()  # paths where something stands that is no model
        self.warnings: list[str] = []
        self.anew = False  # it is to be claimed again: a token was saved, or others go first, while a host asks to wait
        self._changed: dict[int, DownloadFile] = {}

    def note(self, file: DownloadFile, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(file, name, value)
        self._changed[file.pk] = file

    def give_up_optional(self, file: DownloadFile, refusal: TransferError) -> None:
        self.note(file, status=FileStatus.FAILED, error=str(refusal), speed=0, connections=0)
        self.warnings.append(f"{file.path} is optional and was left out: {refusal}")

    def totals(self) -> dict[str, int]:
        self.row.bytes_done = sum(file.bytes_done for file in self.files)
        self.row.bytes_total = sum(max(file.bytes_total, file.bytes_done) for file in self.files)
        self.row.files_completed = sum(file.status in ENDED_FILES for file in self.files)
        return {name: getattr(self.row, name) for name in ("bytes_done", "bytes_total", "files_completed")}

    # --- writes, two statements however many files changed -------------------------------------------------------

    def beat(self, **fields: object) -> bool:
        """Store what changed; False when the row is no longer this worker's to download. Raises DatabaseError."""
        with transaction.atomic():
            if not self.row.beat(**self.totals(), **fields):
                return False
            DownloadFile.store_all(self._changed.values())
        self._changed.clear()
        return True

    def store(self) -> None:
        """Store what changed, also of a row that was paused just now. Raises Stopped when it is another worker's."""
        if not while_locked(self._stored):
            raise Stopped

    def _stored(self) -> bool:
        with transaction.atomic():
            if not self.row.own().update(heartbeat_at=timezone.now(), **self.totals()):
                return False
            DownloadFile.store_all(self._changed.values())
        self._changed.clear()
        return True

    def while_ours(self, write: Callable[[], object]) -> None:
        """A write that is no part of the row itself. Raises Stopped when the row is another worker's by now."""
        if not while_locked(lambda: self._wrote_while_ours(write)):
            raise Stopped

    def _wrote_while_ours(self, write: Callable[[], object]) -> bool:
        with transaction.atomic():
            if not self.row.keep():
                return False
            write()
        return True
