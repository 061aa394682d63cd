"""The .part beside a file: bytes at their places, a journal of what is there, one writer at a time."""

from __future__ import annotations

import ctypes
import errno
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from downloads.transfer.disk.confined import (
    NO_RANDOM_WRITES,
    at_any_offset,
    delete_confined,
    folder_confined,
    move_confined,
    no_random_writes,
    open_confined,
    parts_of,
    stat_confined,
    writing,
)
from downloads.transfer.part import journal as state
from downloads.transfer.part.buffers import Buffer
from downloads.transfer.part.journal import Identity
from downloads.transfer.part.names import (
    LINK_SUFFIX,
    NEW,
    PART_SUFFIX,
    STATE_SUFFIX,
    SUFFIXES,
    number_begun,
    numbers,
    stem,
)
from downloads.transfer.part.ranges import Extents
from downloads.transfer.types import UNFENCED, Fence
from hosts.answers import Facts
from volumes.files import recover, rename_over, sync_file
from volumes.locks import lock_open_file
from webclient.errors import Stopped, TransferError, folder_at_path, path_taken

MOST_UNSYNCED = 128 << 20  # bytes; what is written and not on the platter has to get there before all ends
LEAST_UNSYNCED = 8 << 20
SYNC_SECONDS = 0.5  # that a disk should take for them: a pause has to be heard within a second
POLL_SECONDS = 0.05
NOTE_EVERY = 4 << 20  # bytes written between two lines of the journal: what a kill -9 can cost
_libc = ctypes.CDLL(None, use_errno=True)


def partial_bytes(root: Path, path: str) -> int:
    """Bytes of an unfinished file that are really there, whatever size was set aside for it.

    0 where none can be: pages ask this of any place, also of one that a symlink leads out of the root.
    """
    begun = stem(path, number_begun(root, path))
    try:
        found = stat_confined(root, begun + PART_SUFFIX)
        known = _stored_state(root, begun)
    except (TransferError, OSError):
        return 0
    return known.extents.within(found.st_size).total if found and known else 0


def reserved_bytes(root: Path, path: str) -> int:
    """Bytes that an unfinished file has taken from the free space already, arrived or not. 0 as for partial_bytes."""
    try:
        found = stat_confined(root, stem(path, number_begun(root, path)) + PART_SUFFIX)
    except (TransferError, OSError):
        return 0
    return found.st_blocks * 512 if found else 0


def discard_partial(root: Path, path: str, fence: Fence = UNFENCED) -> None:
    """Delete an unfinished file and its journal. TransferError(error) while a transfer is writing it.

    The holder of a lease deletes what earlier ones left too, though a frozen one may have it locked, but nothing of a
    later one.
    """
    parts_of(path)
    for number in numbers(root, path):
        if fence.number:
            if number <= fence.number:
                _delete(root, stem(path, number))
            continue
        with suppress(FileNotFoundError):
            handle = open_confined(root, stem(path, number) + PART_SUFFIX, os.O_RDONLY)
            try:
                _lock(handle, path)
                delete_confined(root, stem(path, number) + PART_SUFFIX)
            finally:
                os.close(handle)
        _delete_journal(root, stem(path, number))


def take_along(root: Path, path: str, target: str, facts: Facts) -> None:
    """Let an unfinished file continue as `target`, when it is of the same bytes and nothing is begun there."""
    number = number_begun(root, path)
    known = _stored_state(root, stem(path, number))
    if known is None or not known.identity.same_bytes(Identity.of(facts)) or reserved_bytes(root, target):
        return
    _move(root, stem(path, number), stem(target, number))


def take_from_earlier(root: Path, path: str, fence: Fence) -> None:
    """What earlier holders of the lease were writing gets a name of ours, which they do not find when they wake up.

    Only where the host promises a SHA-256: what they may write late is then the same bytes. Else it is deleted, and the
    file is begun anew. Raises Stopped when a later holder is at work, TransferError and OSError.
    """
    own = stem(path, fence.number)
    for number in numbers(root, path):
        if number > fence.number > 0:
            raise Stopped
        if number in {0, fence.number}:
            continue
        theirs = stem(path, number)
        known = _stored_state(root, theirs)
        is_safe = known is not None and (bool(known.identity.sha256) or not fence.number)
        if is_safe and not stat_confined(root, own + PART_SUFFIX):
            _move(root, theirs, own)
        _delete(root, theirs)


def _move(root: Path, source: str, target: str) -> None:
    """The journal goes first: bytes without one count for nothing."""
    for suffix in (STATE_SUFFIX, PART_SUFFIX):
        with suppress(FileNotFoundError):
            move_confined(root, source + suffix, target + suffix, replace=True)


def _delete(root: Path, begun: str) -> None:
    for suffix in SUFFIXES:
        delete_confined(root, begun + suffix)


def _delete_journal(root: Path, begun: str) -> None:
    for suffix in SUFFIXES:
        if suffix not in {PART_SUFFIX, LINK_SUFFIX}:
            delete_confined(root, begun + suffix)


def recover_replaced(root: Path, path: str) -> None:
    """Where a volume replaces no names, a kill in the middle of it left a file beside its name: give it back.

    Nobody may be publishing there. Raises TransferError and OSError.
    """
    with suppress(FileNotFoundError), folder_confined(root, path) as (folder, name):
        recover(name, folder)


def _stored_state(root: Path, begun: str) -> state.State | None:
    try:
        handle = open_confined(root, begun + STATE_SUFFIX, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as journal:
        return state.read_state(journal.read(2 * state.LARGEST))


class Partial:
    """An open .part. Threads write at offsets; whoever waits for the front is told when it moves.

    `generation` counts how often it was started over: bytes of an older generation are refused, and all of them once
    the lease is lost.
    """

    def __init__(self, root: Path, path: str, fence: Fence = UNFENCED) -> None:
        self.root, self.path, self.fence = root, path, fence
        self.begun = stem(path, fence.number)
        self.part = self.begun + PART_SUFFIX
        self.place = root / path
        self.generation = 0
        self.size: int | None = None
        self.advanced = threading.Condition()
        self.extents = Extents()
        self._synced = Extents()
        self.identity = Identity()
        self.at_front: Callable[[int, Buffer], None] | None = None
        self._writers = 0
        self._unnoted = 0
        self._unsynced = 0
        self._syncing = 0
        self.most_unsynced = MOST_UNSYNCED
        self._journaled = 0
        self._is_journal_due = False  # whose bytes these are is not written down yet
        self._closed = False
        with writing(self.place):
            self._take_up()
            self.handle = self._open()
            try:
                recover_replaced(root, path)
                recover_replaced(root, self.begun + STATE_SUFFIX)
                self.journal = _open_to_write(root, self.begun + STATE_SUFFIX, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            except (TransferError, OSError):
                os.close(self.handle)  # and with it the lock
                raise
        known = _stored_state(root, self.begun)
        if known:
            self.identity = known.identity
            size = os.fstat(self.handle).st_size
            self.extents, self._synced = known.extents.within(size), known.synced.within(size)

    def _take_up(self) -> None:
        """What is there already, whoever began it, goes on under our name."""
        take_from_earlier(self.root, self.path, self.fence)
        if self.fence.number and not stat_confined(self.root, self.part):
            _move(self.root, self.path, self.begun)

    def _open(self) -> int:
        """The locked .part, made when there is none. The lock must be on the file that the name still leads to.

        Under a lease the name is the lock: a frozen process may hold the other one for as long as it likes.
        """
        while True:
            handle = _open_to_write(self.root, self.part, os.O_RDWR | os.O_CREAT)
            try:
                if self.fence.number:
                    lock_open_file(handle)  # for whoever would throw it away meanwhile
                else:
                    _lock(handle, self.path)
                found = stat_confined(self.root, self.part)
                mine = os.fstat(handle)
                if found and (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino):
                    return handle
            except TransferError:
                os.close(handle)
                raise
            os.close(handle)

    # --- whose bytes ---------------------------------------------------------------------------------------------

    def adopt(self, identity: Identity) -> bool:
        """Continue with what is there when it is the same file, else start over; False when bytes were given up."""
        had = self.extents.total
        if had and self.identity.same_bytes(identity):
            self.identity, self.size = identity, identity.size
            self._write_journal_anew()
            return True
        self.start_over(identity)
        return not had

    def start_over(self, identity: Identity) -> None:
        with self.advanced:
            self.generation += 1
            self.advanced.wait_for(lambda: self._writers == 0)
            self.extents, self._synced = Extents(), Extents()
            self.identity, self.size = identity, identity.size
            self._unnoted = 0
            with writing(self.place), at_any_offset(self.place):
                if self.fence.number:
                    self._begin_another_file()
                else:
                    os.ftruncate(self.handle, 0)
                is_journal_empty = os.fstat(self.journal).st_size == 0
            if is_journal_empty:  # says as much as one about no bytes, and what is small is here before it is needed
                self._is_journal_due = True
            else:
                self._write_journal_anew()
            self.advanced.notify_all()

    def _begin_another_file(self) -> None:
        """Not cut to nothing: once the lease is lost, a later holder may have it under its own name."""
        self._check_lease()
        delete_confined(self.root, self.part)
        handle = self._open()
        os.dup2(handle, self.handle, inheritable=False)  # whoever reads from it goes on with the same number
        os.close(handle)

    def _check_lease(self) -> None:
        if not self.fence.holds():
            raise Stopped

    def reserve(self) -> None:
        """Set the whole size aside, so that a full disk is known now. Cheap, or a sparse file where it would not be."""
        if not self.size:
            return
        with writing(self.place):
            # Not posix_fallocate: glibc writes every block where the file system has no such feature.
            if hasattr(_libc, "fallocate"):
                length = ctypes.c_int64(self.size)
                if _libc.fallocate(self.handle, 0, ctypes.c_int64(0), length) == 0:
                    os.ftruncate(self.handle, self.size)
                    return
                code = ctypes.get_errno()
                if code in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                    os.ftruncate(self.handle, max((end for _, end in self.extents), default=0))
                    raise OSError(code, os.strerror(code))
            try:
                os.ftruncate(self.handle, self.size)
            except OSError as error:
                if error.errno not in NO_RANDOM_WRITES:
                    raise
                self._reach_for_the_end(self.size)

    def _reach_for_the_end(self, size: int) -> None:
        """Some volumes only do not lengthen a file unless something is written; others refuse that too, told here."""
        if os.fstat(self.handle).st_size < size:
            with at_any_offset(self.place):
                os.pwrite(self.handle, b"\0", size - 1)

    # --- bytes ---------------------------------------------------------------------------------------------------

    def write(self, generation: int, offset: int, buffer: Buffer) -> bool:
        """Put what fills the buffer at offset; False when it was closed, started over or lost meanwhile."""
        with self.advanced:
            if self._closed or generation != self.generation or not self.fence.holds():
                return False
            self._writers += 1
        written = 0
        try:
            with writing(self.place), at_any_offset(self.place):
                written = self._put(offset, buffer.data)
        finally:
            with self.advanced:
                self._writers -= 1
                front = self.extents.front
                self.extents.add(offset, offset + written)
                self._unnoted += written
                self._unsynced += written
                if self.at_front and offset == front and written == buffer.filled:
                    self.at_front(offset, buffer)
                if self.extents.front != front or self._writers == 0:
                    self.advanced.notify_all()  # before the note: that may fail, and somebody waits for the last writer
                if self._unnoted >= NOTE_EVERY:
                    self._note()
        return True

    def arrived(self, size: int) -> None:
        """All bytes came at once, by a clone."""
        with self.advanced:
            self.extents.add(0, size)
            self._unnoted = self._unsynced = size
            self.advanced.notify_all()

    def _put(self, offset: int, data: memoryview) -> int:
        done = 0
        while done < len(data):  # more than once: a signal, or a disk that has just become full
            done += os.pwritev(self.handle, [data[done:]], offset + done)
        return done

    def read_into(self, buffer: memoryview, offset: int) -> int:
        with at_any_offset(self.place):
            return os.preadv(self.handle, [buffer], offset)

    @property
    def front(self) -> int:
        return self.extents.front

    @property
    def bytes_done(self) -> int:
        with self.advanced:
            return self.extents.total

    # --- the journal ---------------------------------------------------------------------------------------------

    def note(self) -> None:
        """Say in the journal what is written; not of a file that is complete before it has a journal.

        While the disk is busy, those who write say it, every NOTE_EVERY bytes: a line would wait behind what they
        write, and so would whoever asks for it.
        """
        with self.advanced:
            is_over = self._is_journal_due and self.size is not None and self.extents.front >= self.size
            if self._unnoted and not self._closed and not is_over and not self._writers:
                self._note()

    def _note(self) -> None:
        self._unnoted = 0
        self._append(state.written_line(self.extents))

    def sync(self) -> None:
        """Bring what is written to the platter, then say so."""
        with self.advanced:
            there, generation = Extents(self.extents), self.generation
            self._syncing, self._unsynced = self._unsynced, 0
        if there == self._synced:
            return
        with writing(self.place):
            started = time.monotonic()
            self.flush()
            with self.advanced:
                if self._syncing:
                    self.most_unsynced = unsynced_allowed(self._syncing, time.monotonic() - started)
                self._syncing = 0
                self.advanced.notify_all()
                if generation == self.generation and not self._closed:
                    self._synced = there
                    self._append(state.synced_line(there))

    def flush(self) -> None:
        flush_data(self.handle)

    def wait_unsynced(self, seconds: float, stopped: Callable[[], bool]) -> None:
        """Wait until a sync is due: half of what may wait is there, or `seconds` have gone by. Or until stopped."""
        with self.advanced:
            self.advanced.wait_for(lambda: self._unsynced >= self.most_unsynced // 2 or stopped(), seconds)

    def wait_for_disk(self, leaving: Callable[[], bool]) -> None:
        """Hold up who writes while the disk is behind, so that neither the end nor a pause has to wait for it long."""
        with self.advanced:
            while self._unsynced + self._syncing > self.most_unsynced and not (leaving() or self._closed):
                self.advanced.wait(POLL_SECONDS)

    def _append(self, line: bytes) -> None:
        with writing(self.place):
            if self._is_journal_due or self._journaled > state.LARGEST:
                self._write_journal_anew()
            with at_any_offset(self.place):  # behind what an earlier line wrote
                _write_all(self.journal, line)
        self._journaled += len(line)

    def _write_journal_anew(self) -> None:
        """Replace the journal by its shortest form, durable before it takes the old one's place."""
        self._is_journal_due = False
        lines = state.identity_line(self.identity) + state.synced_line(self._synced) + state.written_line(self.extents)
        self._check_lease()
        fresh = self.begun + STATE_SUFFIX + NEW
        with writing(self.place):
            delete_confined(self.root, fresh)
            handle = open_confined(self.root, fresh, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL)
            try:
                with at_any_offset(self.place):
                    _write_all(handle, lines)
                    flush_data(handle)
                with folder_confined(self.root, fresh) as (folder, name):
                    rename_over(name, name.removesuffix(NEW), folder)
            except BaseException:
                with suppress(OSError):
                    os.close(handle)
                with suppress(OSError, TransferError):
                    delete_confined(self.root, fresh)
                raise
        with suppress(OSError):  # its bytes count no more
            os.close(self.journal)
        self.journal, self._journaled = handle, len(lines)

    # --- the end -------------------------------------------------------------------------------------------------

    def finish(self, size: int) -> os.stat_result:
        """Cut to size, flush everything; what the file is now."""
        with writing(self.place):
            if os.fstat(self.handle).st_size != size:
                with at_any_offset(self.place):
                    os.ftruncate(self.handle, size)
            sync_file(self.handle)
        return os.fstat(self.handle)

    def publish(self, *, replace: bool) -> None:
        """Give the file its final name, which is durable once its folder is synced.

        TransferError(path_conflict) when another one took it meanwhile. Raises Stopped when the lease is lost: whoever
        has it now gave the .part another name before all else.
        """
        with folder_confined(self.root, self.path) as (folder, name), writing(self.place):
            if not replace and stat_confined(self.root, self.path):
                raise path_taken(self.path)
            self._check_lease()
            try:
                rename_over(stem(name, self.fence.number) + PART_SUFFIX, name, folder)
            except IsADirectoryError:
                raise folder_at_path(self.path) from None
            except FileNotFoundError:
                self._check_lease()
                raise

    def forget_journal(self) -> None:
        """Once the new name is durable, or the bytes are good for nothing."""
        self._unnoted = 0
        _delete_journal(self.root, self.begun)

    def discard(self) -> None:
        delete_confined(self.root, self.part)
        self.forget_journal()

    def close(self) -> None:
        """Note what is there and let go, name and all. Threads that come late find it closed."""
        with self.advanced:
            if self._unnoted:
                with suppress(TransferError, Stopped):  # the disk is full or gone: the journal says a little less
                    self._note()
            self._closed = True
            self.advanced.wait_for(lambda: self._writers == 0)
            self.advanced.notify_all()
            for handle in (self.journal, self.handle):
                with suppress(OSError):  # what a volume says only now, it has said of the bytes before
                    os.close(handle)
            if self.fence.number:
                with suppress(OSError, TransferError):  # it stays under our number: a later holder takes it from there
                    _move(self.root, self.begun, self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def unsynced_allowed(count: int, seconds: float) -> int:
    """Bytes that may wait for a disk which took so many seconds for `count`: as many as it takes in SYNC_SECONDS."""
    return max(LEAST_UNSYNCED, min(MOST_UNSYNCED, int(count / max(seconds, 0.001) * SYNC_SECONDS)))


def _open_to_write(root: Path, path: str, flags: int) -> int:
    """As open_confined, folders made; a volume that opens files only to be written in one go is named."""
    try:
        return open_confined(root, path, flags, create_folders=True)
    except (TransferError, OSError) as error:
        cause = error.__cause__ if isinstance(error, TransferError) else error
        if isinstance(cause, OSError) and cause.errno in NO_RANDOM_WRITES and _takes_new_files(root, path):
            raise no_random_writes(root / path) from error
        raise


def _takes_new_files(root: Path, path: str) -> bool:
    probe = f"{path}.{os.getpid()}{NEW}"
    try:
        handle = open_confined(root, probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            os.write(handle, b"x")
        finally:
            os.close(handle)
            delete_confined(root, probe)
    except (TransferError, OSError):
        return False
    return True


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def flush_data(handle: int) -> None:
    """fdatasync, or what the system has instead."""
    sync_file(handle, data_only=True)


def _lock(handle: int, path: str) -> None:
    """Where a volume knows no locks the worker's lock must do: one process alone brings files."""
    if not lock_open_file(handle):
        raise TransferError(
            f"Another transfer is writing {path}. Wait for it, or stop it first.", reason="error", retry=True
        )
