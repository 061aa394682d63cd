"""Running one install from its claim to its end."""

from __future__ import annotations

import logging
import stat
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, transaction

from activity.database_clock import database_now
from activity.events import broadcast
from activity.models import Activity
from activity.socket_messages import ProgressNews
from downloads.file_records import ModelFile
from downloads.inventory import remote as facts
from downloads.inventory import scan
from downloads.inventory.destinations import Destinations
from downloads.inventory.free_space import missing_space
from downloads.inventory.keep_both import beside
from downloads.inventory.knowledge import BROKEN, CONFLICT, Knowledge, is_here
from downloads.inventory.local_copies import local_copies_of
from downloads.inventory.scan import FoundFile, canonical
from downloads.inventory.state import PENDING, contradicts, vouches
from downloads.models import LOOK_AHEAD, WAITING_REASONS, Conflict, DownloadFile, DownloadHistory, FileStatus, Status
from downloads.transfer import (
    UNFENCED,
    Facts,
    Fence,
    Progress,
    Published,
    Stopped,
    TransferError,
    Wanted,
    discard_partial,
    fetch,
    folder_at_path,
    path_taken,
    stat_confined,
    take_along,
)
from downloads.transfer_options import transfer_options
from downloads.worker import heartbeat, host_pauses
from downloads.worker.consumer import stopping
from downloads.worker.db_retry import is_away, while_locked
from downloads.worker.reconcile import bytes_kept, take_stock
from downloads.workers import WorkerLease
from settings_app.hub_token import hub_token
from values.sizes import human_size
from volumes.checksum import sha256_of

log = logging.getLogger(__name__)

EVENT_INTERVAL = 0.25  # seconds; at most 4 progress messages a second whatever the speed
LONG_PAUSE = 20.0  # seconds; for a shorter one an install keeps its turn
LOOK_INTERVAL = 2.0
WRITE_INTERVAL = 0.25  # seconds; also how soon a pause or a cancel is seen


def run_install(row: DownloadHistory, fence: Fence = UNFENCED) -> None:
    """Bring the files of a claimed row and move the row to where it ends. Raises nothing."""
    try:
        _run(row, fence)
    except (DatabaseError, InterfaceError) as error:
        # Its end cannot be written down. The row still says downloading, so the next drain finds it interrupted.
        log.error("How %s ended could not be stored: %s", row.preset_id, error)
    finally:
        scan.changed()


def _run(row: DownloadHistory, fence: Fence) -> None:
    """Raises DatabaseError when the end of the install cannot be stored."""
    install = while_locked(lambda: Install(row, fence))
    try:
        install.run()
    except Stopped:
        _stopped(row, fence, anew=install.anew)
    except TransferError as refusal:
        if fence.holds():
            _refused(row, refusal)
        else:  # cut off from the database, and maybe from the hosts: others see better
            _stopped(row, fence, anew=True)
    except Exception as error:  # the one broad catch: whatever happens in one install, the queue goes on
        if is_away(error):
            log.warning("The database went away while %s was installed; it begins anew: %s", row.preset_id, error)
            _stopped(row, fence, anew=True)
            return
        log.exception("Installing %s broke", row.preset_id)
        sentence = "Something broke that should not have; the log has the details. Retry continues from the bytes here."
        if while_locked(lambda: row.fail("error", sentence)):
            Activity.log("error", "failed", f"Installing “{row.title}” broke", "See the log.", download_id=row.pk)


def _stopped(row: DownloadHistory, fence: Fence, *, anew: bool) -> None:
    """The row is no longer ours to download, or this worker was asked to stop, lost its lease, or is to begin anew."""
    while_locked(lambda: take_stock(row, fence))
    if stopping() or anew or not fence.holds():
        while_locked(row.give_back)
    while_locked(lambda: discard_unwanted(fence))


def _refused(row: DownloadHistory, refusal: TransferError) -> None:
    end = row.park if refusal.reason in WAITING_REASONS else row.fail
    moved = while_locked(lambda: end(refusal.reason, str(refusal)))
    if moved and refusal.reason == "disk_full" and missing_space(row) > 0:
        # The figures agree with the refusal, so as soon as they change it goes on; else it is tried from time to time.
        row.own().filter(status=Status.WAITING).update(checked_at=None)


def discard_unwanted(fence: Fence = UNFENCED) -> None:
    """Throw away what was cancelled with keep_partial=false, now that nobody writes to it."""
    unwanted = DownloadFile.objects.filter(discard=True).select_related("download")
    for file in unwanted:
        if not fence.holds():
            return
        still_wanted = DownloadFile.objects.filter(
            path=file.path, discard=False, download__status__in=["queued", "paused", "waiting"]
        )
        if not still_wanted.exists():
            try:
                discard_partial(*Destinations.now().of(file.path), fence)
            except (TransferError, OSError) as refusal:  # the queue goes on; Storage shows what is left
                log.warning("What was fetched of %s could not be deleted: %s", file.path, refusal)
        DownloadFile.objects.filter(WorkerLease.unbroken(fence.number), pk=file.pk).update(discard=False, bytes_done=0)


class Install:
    """One claimed row with its files; knows what is done and tells the rows and the dashboards."""

    def __init__(self, row: DownloadHistory, fence: Fence = UNFENCED) -> None:
        self.row, self.fence = row, fence
        self.files = list(row.files.order_by("id"))
        self.facts: dict[str, Facts] = {}
        self.broken: set[str] = set()  # paths where something stands that is no model
        self.differing: set[str] = set()  # paths whose bytes were hashed and are not those that are wanted
        self.recorded: set[str] = set()
        self.hashed: dict[tuple[str, int, int], str] = {}  # SHA-256 by path, size and time
        self.warnings: list[str] = []
        self.speed = 0.0
        self.anew = False  # it is to be claimed again: a token was saved, or others go first, while a host asks to wait
        self._token = hub_token()
        self._wrote = self._told = self._looked = 0.0

    def run(self) -> None:
        todo = self._look_around()
        self._ask_hosts(todo)
        todo = self._refuse_conflicts(todo)
        self._check_space()
        for file in todo:
            self._bring(file)
        if while_locked(self.row.complete) and self.warnings:
            self._while_ours(self._report_warnings)

    # --- before the first byte ---------------------------------------------------------------------------------

    def _look_around(self) -> list[DownloadFile]:
        """What is here is skipped (unless forced); what is left is to be fetched."""
        scan.forget()
        knowledge = Knowledge.gather(file.url for file in self.files)
        todo = []
        for file in self.files:
            pinned = file.sha256 if file.pinned else ""
            self._go_to(file, knowledge.place(file.path, file.url, pinned))
            state = knowledge.state(file.path, file.url, pinned)
            if knowledge.is_known(file.path, file.url) and self._believes(file, knowledge):
                self._skip(file, knowledge.bytes_here(file.path))
            elif file.status == FileStatus.COMPLETED and is_here(state):
                continue  # forced, and fetched already before a pause
            else:
                here = 0 if is_here(state) else knowledge.bytes_here(file.path)
                self._update(file, status=FileStatus.PENDING, bytes_done=here, error="")
                todo.append(file)
        return todo

    def _go_to(self, file: DownloadFile, path: str) -> None:
        if path != file.path:
            self._update(file, path=path)

    def _believes(self, file: DownloadFile, knowledge: Knowledge) -> bool:
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
        if key not in self.hashed:
            seen = 0

            def read(count: int) -> None:
                nonlocal seen
                seen += count
                if not self._tick(file, Progress("verifying", seen, found.size)):
                    raise Stopped

            try:
                self.hashed[key] = sha256_of(found.file, read)
            except OSError as error:
                log.warning("%s cannot be read: %s", found.path, error)
                self.hashed[key] = ""
            self._update(file, status=FileStatus.PENDING, bytes_done=0)
        if self.hashed[key] != expected:
            self.differing.add(file.path)
            return False
        self._while_ours(lambda: ModelFile.renew(file.path, found.size, found.mtime_ns, expected, file.url))
        return True

    def _skip(self, file: DownloadFile, size: int) -> None:
        if file.status != FileStatus.COMPLETED:
            self._update(file, status=FileStatus.SKIPPED, bytes_done=size, bytes_total=size, error="")

    def _ask_hosts(self, todo: list[DownloadFile]) -> None:
        """Sizes, hashes and refusals of all files at once: totals are true, and a refusal costs no 20 GB first."""
        answers = facts.ask([file.url for file in todo], self._waiting_tick)
        knowledge = Knowledge.gather(answers)
        refusals = []
        for file in list(todo):
            answer = answers[file.url]
            if isinstance(answer, Facts):
                self._know(file, answer)
            elif self._believes(file, knowledge):
                # Somebody's file stands there already, and nobody can be asked whether it is the same: it stays.
                self._skip(file, knowledge.bytes_here(file.path))
                todo.remove(file)
            elif file.optional:
                self._give_up_optional(file, answer)
                todo.remove(file)
            else:
                self._update(file, status=FileStatus.FAILED, error=str(answer))
                refusals.append(answer)
        self._write_totals()
        if refusals:
            # What a person can put right comes first: it parks the install instead of ending it.
            raise min(refusals, key=lambda refusal: refusal.reason not in WAITING_REASONS)

    def _know(self, file: DownloadFile, answer: Facts) -> None:
        if answer.warning:
            self.warnings.append(answer.warning)
        self.facts[file.url] = answer
        sha256 = file.sha256 if file.pinned else answer.sha256
        self._update(file, bytes_total=answer.size or 0, sha256=sha256, etag=answer.etag)

    def _refuse_conflicts(self, todo: list[DownloadFile]) -> list[DownloadFile]:
        """Now that sizes and hashes are known: same bytes are here after all, or other bytes stand in the way."""
        knowledge = Knowledge.gather(file.url for file in todo)
        left = []
        for file in todo:
            if self._is_here_already(file, knowledge):
                continue
            if self.row.conflict == Conflict.KEEP_BOTH and self._is_taken(file, knowledge):
                self._go_beside(file)
                if self._is_here_already(file, knowledge):
                    continue
            if knowledge.state(file.path, file.url, file.sha256) == BROKEN:
                self.broken.add(file.path)
            refusal = self._refusal(file) if self._is_taken(file, knowledge) else None
            if refusal is None:
                left.append(file)
            elif file.optional:
                self._give_up_optional(file, refusal)
            else:
                self._update(file, status=FileStatus.FAILED, error=str(refusal))
                raise refusal
        return left

    def _refusal(self, file: DownloadFile) -> TransferError | None:
        """Why what stands at its path is not replaced."""
        if stat.S_ISDIR(self._standing(file)):
            return folder_at_path(file.path)
        return None if self.row.force or self.row.conflict == Conflict.REPLACE else path_taken(file.path)

    def _go_beside(self, file: DownloadFile) -> None:
        """With what is fetched of it already: the path may have been taken in the meantime."""
        begun = Destinations.now().of(file.path)
        self._go_to(file, beside(file.path, file.sha256, file.url))
        there = Destinations.now().of(file.path)
        answer = self.facts.get(file.url)
        if answer is not None and begun.root == there.root:
            take_along(begun.root, begun.path, there.path, answer)

    def _is_here_already(self, file: DownloadFile, knowledge: Knowledge) -> bool:
        if not self._believes(file, knowledge):
            return False
        self._skip(file, knowledge.bytes_here(file.path))
        return True

    def _is_taken(self, file: DownloadFile, knowledge: Knowledge) -> bool:
        """Do other bytes stand at its path, or something that is no file?"""
        if file.path in self.differing or knowledge.state(file.path, file.url, file.sha256) == CONFLICT:
            return True
        return knowledge.index.find(file.path) is None and self._standing(file) not in {0, stat.S_IFREG}

    @staticmethod
    def _standing(file: DownloadFile) -> int:
        """What stands at its path, as a type of file: a folder, a link that leads nowhere …; 0 for nothing."""
        try:
            found = stat_confined(*Destinations.now().of(file.path))
        except (TransferError, OSError):  # said when the file's turn comes
            return 0
        return stat.S_IFMT(found.st_mode) if found else 0

    def _check_space(self) -> None:
        missing = missing_space(self.row)
        if missing > 0:
            raise TransferError(
                f"The disk is full: {human_size(missing)} more must be free. Delete something on the Storage page; "
                "this install then starts by itself.",
                reason="disk_full",
                missing_bytes=missing,
            )

    # --- the bytes -----------------------------------------------------------------------------------------------

    def _bring(self, file: DownloadFile) -> None:
        place = Destinations.now().of(file.path)
        wanted = Wanted(
            url=file.url,
            root=place.root,
            path=place.path,
            sha256=file.sha256 if file.pinned else "",
            replace=self.row.force or file.path in self.broken or self.row.conflict == Conflict.REPLACE,
            local_copies=() if self.row.force else local_copies_of(file.path, file.sha256),
        )
        try:
            self._update(file, status=FileStatus.DOWNLOADING, error="")
            place.check()
            published = fetch(
                wanted,
                transfer_options(self.fence),
                lambda progress: self._tick(file, progress),
                self.facts.get(file.url),
                publish=lambda result: self._record(file, result),
            )
        except TransferError as refusal:
            if file.path in self.recorded:  # and then it did not get its name: something was in the way
                self._while_ours(lambda: ModelFile.objects.filter(path=file.path).update(mtime_ns=PENDING))
            if file.optional and refusal.reason not in WAITING_REASONS:
                self._give_up_optional(file, refusal)
                return
            kept = bytes_kept(file)
            self._update(file, status=FileStatus.FAILED, error=str(refusal), bytes_done=kept, speed=0, connections=0)
            self._write_totals()
            raise
        self.warnings.extend(published.warnings)
        # It replaced something, and its record is pending; or it stood there and was hashed, and nothing was recorded.
        self._while_ours(
            lambda: ModelFile.renew(file.path, published.size, published.mtime_ns, published.sha256, file.url)
        )
        scan.changed()
        self._update(
            file,
            status=FileStatus.COMPLETED,
            bytes_done=published.size,
            bytes_total=published.size,
            sha256=published.sha256,
            etag=published.etag,
            speed=0,
            connections=0,
            error="",
        )
        self._write_totals()

    def _record(self, file: DownloadFile, result: Published) -> bool:
        """Right before the rename: is it still wanted? Then write down what will stand there.

        The record comes first because a kill between rename and record would leave a file that nobody vouches for; a
        record without its file says nothing, since every reader compares it with the disk. Where an older file stands,
        the record vouches for nothing until the new one has its name.
        """
        place = Destinations.now().of(file.path)
        is_taken = stat_confined(place.root, place.path) is not None
        self.recorded.add(file.path)
        return while_locked(lambda: self._record_if_wanted(file, result, PENDING if is_taken else result.mtime_ns))

    def _record_if_wanted(self, file: DownloadFile, result: Published, mtime_ns: int) -> bool:
        with transaction.atomic():
            if not self.row.beat():
                return False
            ModelFile.forget_other_names(file.path)
            ModelFile.objects.update_or_create(
                path=file.path,
                defaults={
                    "size": result.size,
                    "mtime_ns": mtime_ns,
                    "sha256": result.sha256,
                    "url": file.url,
                    "etag": result.etag,
                    "commit": result.commit,
                    "installed_at": database_now(),
                },
            )
        return True

    def _give_up_optional(self, file: DownloadFile, refusal: TransferError) -> None:
        self._update(file, status=FileStatus.FAILED, error=str(refusal), speed=0, connections=0)
        self.warnings.append(f"{file.path} is optional and was left out: {refusal}")

    # --- what the rows and the dashboards see --------------------------------------------------------------------

    def _waiting_tick(self, progress: Progress) -> bool:
        """While hosts are asked: alive, stoppable, and a person reads what is waited for."""
        heartbeat.working()
        if stopping() or not self.fence.holds():
            return False
        if progress.error and self.files:
            self._tell(self.files[0], progress)
        return self._beat(progress)

    def _tick(self, file: DownloadFile, progress: Progress) -> bool:
        heartbeat.working(heartbeat.HUNG_AFTER)
        if stopping() or not self.fence.holds():
            return False
        file.bytes_done, file.speed, file.connections = progress.bytes_done, progress.speed, progress.connections
        file.bytes_total = progress.bytes_total or file.bytes_total
        file.status, file.error = FileStatus(progress.status), progress.error
        self.speed = progress.speed
        self._tell(file, progress)
        now = time.monotonic()
        if now - self._wrote < WRITE_INTERVAL:
            return True
        self._wrote = now
        return self._beat(progress, file)

    def _beat(self, progress: Progress, file: DownloadFile | None = None) -> bool:
        """The progress write, which is also how pause and cancel are heard. A locked database fails no transfer."""
        waits = progress.status == "retrying"
        retry_at = database_now() + timedelta(seconds=progress.retry_in) if waits else None
        why = progress.error if waits else ""
        try:
            if not self.row.beat(**self._totals(), attempts=progress.attempt, retry_at=retry_at, error_message=why):
                return False
            if waits and (hub_token() != self._token or self._steps_aside(progress.retry_in)):
                self.anew = True
                return False
            if file is not None:
                file.store(self.row, "bytes_done", "bytes_total", "speed", "connections", "status", "error")
        except (DatabaseError, InterfaceError) as error:
            log.warning("Progress of %s could not be stored: %s", self.row.preset_id, error)
        return True

    def _steps_aside(self, wait: float) -> bool:
        """Whether a long pause is better spent on installs from elsewhere; this one keeps its place."""
        now = time.monotonic()
        if wait < LONG_PAUSE or now - self._looked < LOOK_INTERVAL:
            return False
        self._looked = now
        urls = [file.url for file in self.files if file.status not in host_pauses.ENDED_FILES]
        if len({host_pauses.host_of(url) for url in urls}) != 1:
            return False  # nobody knows which of them asked for it
        host_pauses.note(urls[0], wait)
        queued = DownloadHistory.objects.filter(status=Status.QUEUED).order_by("position", "id")[:LOOK_AHEAD]
        return any(not host_pauses.holds(row) for row in queued)

    def _totals(self) -> dict[str, int]:
        self.row.bytes_done = sum(file.bytes_done for file in self.files)
        self.row.bytes_total = sum(max(file.bytes_total, file.bytes_done) for file in self.files)
        self.row.files_completed = sum(file.status in {FileStatus.COMPLETED, FileStatus.SKIPPED} for file in self.files)
        return {name: getattr(self.row, name) for name in ("bytes_done", "bytes_total", "files_completed")}

    def _write_totals(self) -> None:
        if not while_locked(lambda: self.row.beat(**self._totals())):
            raise Stopped
        broadcast({"type": "queue_updated"})

    def _update(self, file: DownloadFile, **fields: object) -> None:
        for name, value in fields.items():
            setattr(file, name, value)
        if not while_locked(lambda: file.store(self.row, *fields)):
            raise Stopped

    def _while_ours(self, write: Callable[[], object]) -> None:
        """A write that is no part of the row itself. Raises Stopped when the row is another worker's by now."""
        if not while_locked(lambda: self._wrote_while_ours(write)):
            raise Stopped

    def _wrote_while_ours(self, write: Callable[[], object]) -> bool:
        with transaction.atomic():
            if not self.row.keep():
                return False
            write()
        return True

    def _tell(self, file: DownloadFile, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._told < EVENT_INTERVAL:
            return
        self._told = now
        totals = self._totals()
        left = totals["bytes_total"] - totals["bytes_done"]
        event: ProgressNews = {
            "type": "download_progress",
            "preset_id": self.row.preset_id,
            "download_id": self.row.pk,
            "file": file.path,
            "status": progress.status,
            "progress": self.row.progress,
            "downloaded": totals["bytes_done"],
            "total": totals["bytes_total"],
            "file_downloaded": file.bytes_done,
            "file_total": file.bytes_total,
            "speed": round(progress.speed),
            "eta_seconds": round(left / progress.speed) if progress.speed > 1 else None,
            "files_completed": totals["files_completed"],
            "files_total": self.row.files_total,
            "connections": progress.connections,
        }
        if progress.status == "retrying":
            event["attempt"], event["max_attempts"] = progress.attempt, progress.max_attempts
            event["retry_in"], event["error"] = round(progress.retry_in), progress.error
        broadcast(event)

    def _report_warnings(self) -> None:
        for warning in dict.fromkeys(self.warnings):
            Activity.log("download", "warning", self.row.title, warning, download_id=self.row.pk)
