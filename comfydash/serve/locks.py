"""One web server and one worker per data directory, also across containers that share the volume."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from comfydash.serve.trouble import CannotStart

log = logging.getLogger(__name__)

Role = Literal["web", "worker"]
NOT_SUPPORTED = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}


class RoleLock:
    """An flock that ends with the process, however that ends. The file says who holds it."""

    def __init__(self, data_dir: Path, role: Role) -> None:
        self.role = role
        self.path = data_dir / f"serve-{role}.lock"
        self._descriptor: int | None = None

    def take(self) -> None:
        """Keep it. Raises CannotStart, naming the holder."""
        if not self._try():
            raise CannotStart(
                f"ComfyDash already runs on {self.path.parent}: {self.holder()}. "
                "Stop that one first, or set COMFYDASH_WORKSPACE to a folder of its own."
            )

    def is_free(self) -> bool:
        """Whether nobody holds it right now; it is not kept."""
        free = self._try()
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
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _try(self) -> bool:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                os.close(descriptor)
                raise
            log.warning(
                "This volume has no file locks: take care that only one ComfyDash runs on %s.", self.path.parent
            )
        self._descriptor = descriptor
        return True

    def sign(self, address: str) -> None:
        """Say who holds it."""
        note = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "address": address,
            "since": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        }
        assert self._descriptor is not None
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(note).encode(), 0)
        except OSError as error:  # a full disk: the lock holds, only its note is missing
            log.warning("%s: %s", self.path, error.strerror)
