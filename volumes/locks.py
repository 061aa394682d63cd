"""The one lock between processes, also on volumes that know no file locks.

flock where the volume has it: the kernel ends it with its process. Elsewhere (Lustre, NFS without a lock service, some
FUSE) a file beside it, made with O_EXCL, that names its holder by machine, process and start time and is touched
every few seconds. A holder that is dead on this machine is followed at once, one on another machine when its file is a
minute old and nobody touches it while it is watched: clocks jump, so no time alone proves a death.

By hand, not filelock or portalocker: neither goes on where a volume has no locks, nor knows a dead holder.
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
from typing import NamedTuple, Self

from volumes.files import NO_LINKS, rename_over

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
HELD = ".held"  # what the file beside the lock is called
BEAT_SECONDS = 5.0
DEAD_SECONDS = 60.0  # without a beat, for a holder whose process nobody here can look at
WATCH_SECONDS = 3 * BEAT_SECONDS  # … and then it is watched for so long, by a clock that does not jump
PATIENCE_SECONDS = DEAD_SECONDS + WATCH_SECONDS
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
        first, deadline = beside.look(), time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if self.take():
                return True
            if (seen := beside.look()) and seen != first:
                return False
            time.sleep(min(1.0, BEAT_SECONDS))
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

    @property
    def is_of_this_machine(self) -> bool:
        """Whether its process can be looked at from here."""
        return bool(self.machine) and self.machine == _machine()

    @property
    def is_alive(self) -> bool:
        if started := _start_of(self.pid):
            return started == self.started
        try:  # /proc may hide processes of other users
            os.kill(self.pid, 0)
        except PermissionError:
            return True
        except (OSError, OverflowError):
            return False
        return False


class Seen(NamedTuple):
    """What a lock's file says, and when it was touched last (ns)."""

    holder: Holder
    beaten: int


class HeldFile:
    """A lock that is a file: who makes it has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lost = False
        self._own = Holder()
        self._stop = threading.Event()
        self._guard = threading.Lock()  # so that no beat makes the file again after its release

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
        seen = self.look()
        if seen is None or not self._is_dead(seen, draft):
            return False
        found = seen.holder
        turn = HeldFile(self.path.with_name(f"{self.path.name}.{_plain(found.token)}"))
        if not turn.take():
            return False
        try:
            if self.look() != seen:
                return False  # somebody was faster, or it lives
            log.info("%s was left by process %s on %s, which is gone.", self.path, found.pid, found.host or "a machine")
            rename_over(str(draft), str(self.path))
            return True
        finally:
            turn.release()

    def look(self) -> Seen | None:
        """None where there is none; a holder without a name while it is being written.

        The time is that of the opened file: network file systems look anew when a file is opened, and only then.
        """
        try:
            with self.path.open("rb") as file:
                text, beaten = file.read(), os.fstat(file.fileno()).st_mtime_ns
        except FileNotFoundError:
            return None
        return Seen(_parsed(text), beaten)

    def _holder(self) -> Holder | None:
        seen = self.look()
        return seen.holder if seen else None

    def _is_dead(self, seen: Seen, draft: Path) -> bool:
        if seen.holder.is_of_this_machine:
            return not seen.holder.is_alive
        try:  # both times are the volume's own: clocks of machines differ
            silent = (draft.stat().st_mtime_ns - seen.beaten) / 1e9
        except OSError:
            return False
        # A time in the future is as little a sign of life as an old one: some clock was put right.
        return abs(silent) > DEAD_SECONDS and self._stays(seen)

    def _stays(self, seen: Seen) -> bool:
        """Whether nobody touches it while it is watched."""
        deadline = time.monotonic() + WATCH_SECONDS
        while time.monotonic() < deadline:
            if self.look() != seen:
                return False
            time.sleep(min(1.0, WATCH_SECONDS / 4))
        return self.look() == seen

    def keep_beating(self) -> None:
        atexit.register(self.release)
        threading.Thread(target=self._beat, name=f"lock-{self.path.name}", daemon=True).start()

    def _beat(self) -> None:
        said = False
        while not self._stop.wait(BEAT_SECONDS):
            try:
                with self._guard:
                    if self._stop.is_set() or not self._beat_once():
                        return
                said = False
            except OSError as error:
                if not said:
                    log.warning("%s cannot be touched (%s): other machines may take this for dead.", self.path, error)
                said = True

    def _beat_once(self) -> bool:
        """False when it is lost."""
        holder = self._holder()
        if holder is None:  # somebody tidied up
            with suppress(FileExistsError):  # … and another one has it now: seen at the next beat
                _write(self.path, self._own)
        elif holder != self._own:
            self.lost = True
            log.error("%s was taken by another process: this one was silent for too long.", self.path)
            return False
        else:
            touch(self.path)
        return True

    def release(self) -> None:
        self._stop.set()
        atexit.unregister(self.release)
        if self._own.pid != os.getpid():  # a fork of the holder, whose guard may be shut for ever
            return
        with self._guard:
            try:
                if self._holder() == self._own:
                    self.path.unlink(missing_ok=True)
            except OSError as error:  # the volume is away: the next one sees that this process is gone
                log.debug("%s stays: %s", self.path, error)
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
    """Raises FileExistsError; on a full disk nothing stays that would look like a holder without a name."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as out:
            json.dump(vars(holder), out)
    except OSError:
        with suppress(OSError):
            file.unlink()
        raise


def _parsed(text: bytes) -> Holder:
    """Without a name for what is no note of ours, or half of one."""
    try:
        holder = Holder(**json.loads(text))
    except (ValueError, TypeError):
        return Holder()
    sound = all(type(value) is type(getattr(Holder, name)) for name, value in vars(holder).items())
    return holder if sound else Holder()


def _plain(token: str) -> str:
    """It becomes part of a name."""
    return token if token.isalnum() and token.isascii() and len(token) <= 64 else "unnamed"


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
