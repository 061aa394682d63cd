"""What is here already, and what stands in the way: before the hosts are asked, and once more after that."""

from __future__ import annotations

import logging
import stat

from downloads.file_records import ModelFile
from downloads.inventory import scan
from downloads.inventory.destinations import Destinations
from downloads.inventory.keep_both import beside
from downloads.inventory.knowledge import BROKEN, CONFLICT, Knowledge, is_here
from downloads.inventory.scan import FoundFile, canonical
from downloads.inventory.state import PENDING, contradicts, vouches
from downloads.models import Conflict, DownloadFile, FileStatus
from downloads.transfer import (
    Progress,
    Stopped,
    TransferError,
    folder_at_path,
    path_taken,
    stat_confined,
    take_along,
)
from downloads.worker.install_state import InstallState
from downloads.worker.progress import InstallProgress
from volumes.checksum import sha256_of

log = logging.getLogger(__name__)


class Surroundings:
    """The disk around an install, and what it believes of it."""

    def __init__(self, state: InstallState, progress: InstallProgress) -> None:
        self.state, self.row, self.progress = state, state.row, progress
        self.differing: set[str] = set()  # paths whose bytes were hashed and are not those that are wanted
        self._hashed: dict[tuple[str, int, int], str] = {}  # SHA-256 by path, size and time

    def look(self) -> list[DownloadFile]:
        """What is here is skipped (unless forced); what is left is to be fetched. Raises Stopped."""
        scan.forget()
        knowledge = Knowledge.gather(file.url for file in self.state.files)
        todo = []
        for file in self.state.files:
            pinned = file.sha256 if file.pinned else ""
            self._go_to(file, knowledge.place(file.path, file.url, pinned))
            state = knowledge.state(file.path, file.url, pinned)
            if knowledge.is_known(file.path, file.url) and self.believes(file, knowledge):
                self.skip(file, knowledge.bytes_here(file.path))
            elif file.status == FileStatus.COMPLETED and is_here(state):
                continue  # forced, and fetched already before a pause
            else:
                here = 0 if is_here(state) else knowledge.bytes_here(file.path)
                self.state.note(file, status=FileStatus.PENDING, bytes_done=here, error="")
                todo.append(file)
        self.state.store()
        return todo

    def leave_conflicts(self, todo: list[DownloadFile]) -> list[DownloadFile]:
        """Now that sizes and hashes are known: same bytes are here after all, or other bytes stand in the way.

        Raises Stopped, and TransferError (path_conflict).
        """
        knowledge, places = Knowledge.gather(file.url for file in todo), Destinations.now()
        left = []
        for file in todo:
            if self._is_here_already(file, knowledge):
                continue
            if self.row.conflict == Conflict.KEEP_BOTH and self._is_taken(file, knowledge, places):
                self._go_beside(file)
                if self._is_here_already(file, knowledge):
                    continue
            if knowledge.state(file.path, file.url, file.sha256) == BROKEN:
                self.state.broken.add(file.path)
            refusal = self._refusal(file, places) if self._is_taken(file, knowledge, places) else None
            if refusal is None:
                left.append(file)
            elif file.optional:
                self.state.give_up_optional(file, refusal)
            else:
                self.state.note(file, status=FileStatus.FAILED, error=str(refusal))
                self.state.store()
                raise refusal
        self.state.store()
        return left

    def skip(self, file: DownloadFile, size: int) -> None:
        if file.status != FileStatus.COMPLETED:
            self.state.note(file, status=FileStatus.SKIPPED, bytes_done=size, bytes_total=size, error="")

    # --- what stands there is believed or proved ---------------------------------------------------------------------

    def believes(self, file: DownloadFile, knowledge: Knowledge) -> bool:
        """Is it here? Where a certain SHA-256 is wanted, bytes that nobody vouches for are hashed first."""
        pinned = file.sha256 if file.pinned else ""
        state = knowledge.state(file.path, file.url, pinned)
        found = knowledge.index.find(file.path)
        if found is None or file.path in self.differing:
            return False
        record, remote = knowledge.records.get(canonical(file.path)), knowledge.remotes.get(file.url)
        vouched = record is not None and vouches(record, found)
        promised = pinned or (remote.sha256 if remote else "")
        is_pending = record is not None and record.mtime_ns == PENDING and record.url == file.url
        if self.row.force and not (record and is_pending and promised == record.sha256):
            return False  # fetched again, whatever is here; but not twice because of a kill after the rename
        if record and is_pending and not self.row.force:
            return self._prove(file, found, promised or record.sha256)
        if state == CONFLICT and not vouched and contradicts(record, found, file.url, promised):
            return self._prove(file, found, promised)
        if not is_here(state):
            return False
        expected = pinned
        if not pinned and not vouched and record is not None:
            if is_pending or (self.row.conflict == Conflict.REPLACE and record.url == file.url):
                # The record may be of the bytes that were to replace these, from before a kill.
                expected = promised or record.sha256
            elif promised and record.sha256 and promised != record.sha256:
                expected = promised  # what was here last was something else
        if not expected or (vouched and record is not None and record.sha256 == expected):
            return True
        return self._prove(file, found, expected)

    def _prove(self, file: DownloadFile, found: FoundFile, expected: str) -> bool:
        """Hash what stands there; the record is renewed when it is what is wanted. Raises Stopped."""
        key = (found.path, found.size, found.mtime_ns)
        if key not in self._hashed:
            seen = 0

            def read(count: int) -> None:
                nonlocal seen
                seen += count
                if not self.progress.reads(file, Progress("verifying", seen, found.size)):
                    raise Stopped

            try:
                self._hashed[key] = sha256_of(found.file, read)
            except OSError as error:
                log.warning("%s cannot be read: %s", found.path, error)
                self._hashed[key] = ""
            self.state.note(file, status=FileStatus.PENDING, bytes_done=0)
            self.state.store()
        if self._hashed[key] != expected:
            self.differing.add(file.path)
            return False
        self.state.while_ours(lambda: ModelFile.renew(file.path, found.size, found.mtime_ns, expected, file.url))
        return True

    # --- what stands in the way ------------------------------------------------------------------------------------

    def _is_here_already(self, file: DownloadFile, knowledge: Knowledge) -> bool:
        if not self.believes(file, knowledge):
            return False
        self.skip(file, knowledge.bytes_here(file.path))
        return True

    def _is_taken(self, file: DownloadFile, knowledge: Knowledge, places: Destinations) -> bool:
        """Do other bytes stand at its path, or something that is no file?"""
        if file.path in self.differing or knowledge.state(file.path, file.url, file.sha256) == CONFLICT:
            return True
        return knowledge.index.find(file.path) is None and _standing(file, places) not in {0, stat.S_IFREG}

    def _refusal(self, file: DownloadFile, places: Destinations) -> TransferError | None:
        """Why what stands at its path is not replaced."""
        if stat.S_ISDIR(_standing(file, places)):
            return folder_at_path(file.path)
        return None if self.row.force or self.row.conflict == Conflict.REPLACE else path_taken(file.path)

    def _go_beside(self, file: DownloadFile) -> None:
        """With what is fetched of it already: the path may have been taken in the meantime."""
        begun = Destinations.now().of(file.path)
        self._go_to(file, beside(file.path, file.sha256, file.url))
        there = Destinations.now().of(file.path)
        answer = self.state.facts.get(file.url)
        if answer is not None and begun.root == there.root:
            take_along(begun.root, begun.path, there.path, answer)

    def _go_to(self, file: DownloadFile, path: str) -> None:
        if path != file.path:
            self.state.note(file, path=path)
            self.state.store()  # where its bytes are must be known before there are any


def _standing(file: DownloadFile, places: Destinations) -> int:
    """What stands at its path, as a type of file: a folder, a link that leads nowhere …; 0 for nothing."""
    try:
        found = stat_confined(*places.of(file.path))
    except (TransferError, OSError):  # said when the file's turn comes
        return 0
    return stat.S_IFMT(found.st_mode) if found else 0
