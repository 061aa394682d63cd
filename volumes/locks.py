"""The one lock between processes, also on volumes that know no file locks.

flock where the volume has it: the kernel ends it with its process. Elsewhere (Lustre, NFS without a lock service, some
FUSE) a file beside it takes its place, see `held_file`.

By hand, not filelock or portalocker: neither goes on where a volume has no locks, nor knows a dead holder.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from volumes import held_file
from volumes.held_file import HELD, HeldFile

log = logging.getLogger(__name__)


# What opening the lock's own file answers where a file is only written in one go; making the one beside it tells
# whether we may write. Of flock itself every answer but "taken" means that there are no locks.
NOT_OPENED = frozenset(
    {
        errno.EPERM,
        errno.EACCES,
        errno.EINVAL,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.ENOSYS,
        errno.EBADF,
    }
)
LOOK_SECONDS = 0.05


class FileLock:
    """Held from ``take`` or ``wait`` to ``release`` or the end of the process, however that ends.

    Two of them exclude each other within one process too. ``without_flock`` says that the volume has no locks.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.without_flock = False
        self._descriptor: int | None = None
        self._note: HeldFile | None = None

    @property
    def is_held(self) -> bool:
        return self._descriptor is not None or self._note is not None

    @property
    def is_lost(self) -> bool:
        """Whether another one holds it by now: this process was silent for too long."""
        return self._note is not None and self._note.lost

    @property
    def held_file(self) -> Path:
        return self.path.with_name(self.path.name + HELD)

    def may_be_silent(self) -> bool:
        """After ``take`` failed: whether the holder's process cannot be looked at from here."""
        seen = HeldFile(self.held_file).look()
        return self.without_flock and seen is not None and not seen.holder.is_of_this_machine

    def take_from_silent(self) -> bool:
        """Wait for the beat of such a holder: False as soon as it is heard, True once the dead one was followed."""
        beside = HeldFile(self.held_file)
        first, deadline = beside.look(), time.monotonic() + held_file.PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if self.take():
                return True
            if (seen := beside.look()) and seen != first:
                return False
            time.sleep(min(1.0, held_file.BEAT_SECONDS))
        return False

    def take(self) -> bool:
        """False while another holds it. Raises OSError where nothing can be written."""
        beside = HeldFile(self.held_file)
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno not in NOT_OPENED:
                raise
            return self._take_beside(beside)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError as error:
            os.close(descriptor)
            log.debug("No file locks at %s: %s", self.path, error)
            return self._take_beside(beside)
        # Left over from a mount without locks, or held by a machine that mounts it so.
        if beside.exists():
            if not beside.take():
                os.close(descriptor)
                return False
            beside.release()
        self._descriptor = descriptor
        return True

    def wait(self) -> None:
        """Take it when its turn comes."""
        while not self.take():
            time.sleep(LOOK_SECONDS)

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self._note is not None:
            self._note.release()
            self._note = None

    def _take_beside(self, beside: HeldFile) -> bool:
        self.without_flock = True
        if not beside.take():
            return False
        beside.keep_beating()
        self._note = beside
        return True

    def __enter__(self) -> Self:
        self.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def lock_open_file(descriptor: int) -> bool:
    """flock on a file that is open already; False while another has it. Ends when the file is closed.

    Where the volume knows no locks it is given to everybody: for files of which a FileLock already sees to it that
    only one process writes them.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        log.debug("No file locks: %s", error)
    return True


def has_record_locks(folder: Path) -> bool:
    """Whether fcntl's locks work there, without which SQLite cannot share a file. Raises OSError if nothing does."""
    probe = folder / f".locks.{secrets.token_hex(4)}"
    descriptor = os.open(probe, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
    except OSError as error:
        log.debug("No record locks in %s: %s", folder, error)
        return False
    finally:
        with suppress(OSError):
            os.close(descriptor)
        probe.unlink(missing_ok=True)
    return True
