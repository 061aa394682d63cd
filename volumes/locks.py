"""The one lock between processes, also on volumes that know no file locks.

flock where the volume has it: the kernel ends it with its process. Elsewhere (Lustre, NFS without a lock service, some
FUSE) a file beside it, made with O_EXCL, that names its holder by machine, process and start time and is touched
every few seconds. A holder that is dead on this machine is followed at once, one on another machine when nobody has
touched its file for a minute.
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import json
import logging
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from volumes.files import NO_LINKS, rename_over

log = logging.getLogger(__name__)

# What volumes without locks answer. EACCES and EPERM too: making the file beside it tells whether we may write.
NO_LOCKS = frozenset(
    {
        errno.ENOLCK,
        errno.ENOSYS,
        errno.EBADF,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.EINVAL,
        errno.EPERM,
        errno.EACCES,
        errno.ENOTTY,
        errno.EPROTONOSUPPORT,
    }
)
HELD = ".held"  # what the file beside the lock is called
BEAT_SECONDS = 5.0
DEAD_SECONDS = 60.0  # without a beat, for a holder whose process nobody here can look at
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

    def take(self) -> bool:
        """False while another holds it. Raises OSError where nothing can be written."""
        beside = HeldFile(self.path.with_name(self.path.name + HELD))
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            return self._take_beside(beside)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError as error:
            os.close(descriptor)
            if error.errno not in NO_LOCKS:
                raise
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


@dataclass(frozen=True)
class Holder:
    """Who holds a lock. ``machine`` is a running kernel and what of it is seen from within a container."""

    token: str = ""
    machine: str = ""
    pid: int = 0
    started: str = ""
    host: str = ""  # for persons

    @classmethod
    def this_process(cls) -> Holder:
        pid = os.getpid()
        return cls(secrets.token_hex(8), _machine(), pid, _start_of(pid), socket.gethostname())


class HeldFile:
    """A lock that is a file: who makes it has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._own = Holder()
        self._stop = threading.Event()

    def exists(self) -> bool:
        return os.path.lexists(self.path)

    def take(self) -> bool:
        own = Holder.this_process()
        draft = self.path.with_name(f".{self.path.name}.{own.token}")
        try:
            _write(draft, own)
            if not self._create(draft, own) and not self._follow(draft):
                return False
        finally:
            draft.unlink(missing_ok=True)
        self._own = own
        return True

    def _create(self, draft: Path, own: Holder) -> bool:
        try:
            os.link(draft, self.path)  # never seen half written
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
        else:
            return True
        try:
            _write(self.path, own)
        except FileExistsError:
            return False
        return self._holder() == own

    def _follow(self, draft: Path) -> bool:
        """Take the place of a dead holder; whoever makes the file named after that one may, and nobody else."""
        found = self._holder()
        if found is None or not self._is_dead(found, draft):
            return False
        turn = HeldFile(self.path.with_name(f"{self.path.name}.{found.token or 'unnamed'}"))
        if not turn.take():
            return False
        try:
            again = self._holder()
            if again != found or not self._is_dead(again, draft):
                return False  # somebody was faster
            log.info("%s was left by process %d on %s, which is gone.", self.path, found.pid, found.host or "a machine")
            rename_over(str(draft), str(self.path))
            return True
        finally:
            turn.release()

    def _holder(self) -> Holder | None:
        """None where there is none; without a name while it is being written."""
        try:
            return Holder(**json.loads(self.path.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            return Holder()

    def _is_dead(self, holder: Holder, draft: Path) -> bool:
        if holder.machine and holder.machine == _machine():
            return _start_of(holder.pid) != holder.started
        try:  # both times are the volume's own: clocks of machines differ
            now, beaten = draft.stat().st_mtime, self.path.stat().st_mtime
        except OSError:
            return False
        return now - beaten > DEAD_SECONDS

    def keep_beating(self) -> None:
        atexit.register(self.release)
        threading.Thread(target=self._beat, name=f"lock-{self.path.name}", daemon=True).start()

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            try:
                if self._holder() != self._own:
                    log.error("%s was taken by another process: this one was silent for too long.", self.path)
                    return
                touch(self.path)
            except OSError as error:
                log.warning("%s cannot be touched (%s): other machines may take this for dead.", self.path, error)

    def release(self) -> None:
        self._stop.set()
        atexit.unregister(self.release)
        if self._own.pid == os.getpid() and self._holder() == self._own:
            self.path.unlink(missing_ok=True)
        self._own = Holder()


def touch(file: Path) -> None:
    """Make its time now, by writing its bytes again where the volume lets nobody set times."""
    try:
        os.utime(file)
    except FileNotFoundError:
        raise
    except OSError:
        content = file.read_bytes() or b"\n"
        with file.open("r+b") as again:
            again.write(content)


def _write(file: Path, holder: Holder) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as out:
        json.dump(vars(holder), out)


@cache
def _machine() -> str:
    """Of processes that see the same here, each can tell whether the other lives; empty where nobody can."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _start_of(pid: int) -> str:
    """When the process was started, in the kernel's own count; empty for one that is not there (any more)."""
    with suppress(OSError, IndexError):
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        if words[0] not in {"Z", "X"}:  # proc(5): state and starttime are fields 3 and 22
            return words[19]
    return ""


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
        if error.errno not in NO_LOCKS:
            raise
        log.debug("No file locks: %s", error)
    return True


def has_record_locks(folder: Path) -> bool:
    """Whether fcntl's locks work there, without which SQLite cannot share a file. Raises OSError."""
    probe = folder / f".locks.{secrets.token_hex(4)}"
    descriptor = os.open(probe, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
    except OSError as error:
        if error.errno in NO_LOCKS:
            return False
        raise
    finally:
        os.close(descriptor)
        probe.unlink(missing_ok=True)
    return True
