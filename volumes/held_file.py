"""A lock that is a file, for volumes that know no file locks: who makes it has it.

It names its holder by machine, process and start time, and is touched every few seconds. A holder that is dead on this
machine is followed at once, one on another machine when its file is a minute old and nobody touches it while it is
watched: clocks jump, so no time alone proves a death.
"""

from __future__ import annotations

import atexit
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
from typing import NamedTuple

from volumes.files import NO_LINKS, rename_over

log = logging.getLogger(__name__)

log = logging.getLogger(__name__)

HELD = ".held"  # what the file beside the lock is called
BEAT_SECONDS = 5.0
DEAD_SECONDS = 60.0  # without a beat, for a holder whose process nobody here can look at
WATCH_SECONDS = 3 * BEAT_SECONDS  # … and then it is watched for so long, by a clock that does not jump
PATIENCE_SECONDS = DEAD_SECONDS + WATCH_SECONDS


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
        turn = HeldFile(self.path.with_name(f"{self.path.name}.{_as_part_of_a_name(found.token)}"))
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


def _as_part_of_a_name(token: str) -> str:
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
