"""One web server and one worker per data directory, also across containers that share the volume."""

from __future__ import annotations

import json
import logging
import os
import socket
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Literal

from comfydash.serve.trouble import CannotStart
from volumes.held_file import PATIENCE_SECONDS
from volumes.locks import FileLock

log = logging.getLogger(__name__)

Role = Literal["web", "worker"]


class RoleLock:
    """A lock that ends with the process, however that ends. The file says who holds it."""

    def __init__(self, data_dir: Path, role: Role) -> None:
        self.role = role
        self.path = data_dir / f"serve-{role}.lock"
        self._lock = FileLock(self.path)

    def take(self) -> None:
        """Keep it. Raises CannotStart, naming the holder."""
        try:
            taken = self._try() or self._outlives_a_silent_one()
        except OSError as error:
            raise CannotStart(
                f"The lock {self.path} cannot be made ({error.strerror}). Free some space and make the folder writable "
                "for this user, or set COMFYDASH_DATA_DIR to a folder on a local disk."
            ) from error
        if not taken:
            gone = f" If that one is gone for good, delete {self._lock.held_file}." if self._lock.without_flock else ""
            raise CannotStart(
                f"ComfyDash already runs on {self.path.parent}: {self.holder()}. "
                f"Stop that one first, or set COMFYDASH_WORKSPACE to a folder of its own.{gone}"
            )

    def _outlives_a_silent_one(self) -> bool:
        """On a volume without locks, after a machine or a container was killed: its file is not touched any more."""
        if not self._lock.may_be_silent():
            return False
        log.info("%s may be gone: this waits up to %.0f s for a sign of life.", self.holder(), PATIENCE_SECONDS)
        return self._lock.take_from_silent()

    @property
    def is_lost(self) -> bool:
        return self._lock.is_lost

    def is_free(self) -> bool:
        """Whether nobody holds it right now; it is not kept. Where nobody can tell, somebody does."""
        try:
            free = self._lock.take()
        except OSError as error:
            log.debug("%s: %s", self.path, error)
            return False
        self.release()
        return free

    def holder(self) -> str:
        """``process 12 on pod-1 (http://127.0.0.1:8082), since 2026-11-21 07:00 UTC``, as far as the file says so."""
        try:
            note = json.loads(self.path.read_text())
            return f"process {note['pid']} on {note['host']} ({note['address']}), since {note['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return f"whoever holds {self.path}"

    def release(self) -> None:
        self._lock.release()

    def _try(self) -> bool:
        taken = self._lock.take()
        if self._lock.without_flock:
            _say_once(self.path.parent)
        return taken

    def sign(self, address: str) -> None:
        note = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "address": address,
            "since": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        }
        assert self._lock.is_held
        try:
            self.path.write_text(json.dumps(note))
        except OSError as error:  # a full disk: the lock holds, only its note is missing
            log.warning("%s: %s", self.path, error.strerror)


@cache
def _say_once(folder: Path) -> None:
    log.warning(
        "The volume of %s has no file locks: files that name their holder take their place. After a machine was "
        "switched off, another one has to wait up to %.0f s before it may take over.",
        folder,
        PATIENCE_SECONDS,
    )
