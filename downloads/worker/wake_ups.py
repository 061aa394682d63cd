"""A word from whoever queued something to the workers of this machine, so that they look at once.

Beside the poll, which finds everything a little later: a word that is lost, or a worker in a container that shares the
volume but not the kernel, costs that.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from contextlib import suppress
from pathlib import Path

from volumes.runtime_folder import RuntimeFolder, UnsafeFolder

log = logging.getLogger(__name__)

ENDING = ".wake"


class WakeUps:
    def __init__(self, data_dir: Path, run_dir: str = "") -> None:
        self._folder = RuntimeFolder(data_dir, run_dir)
        self._changed = threading.Condition()
        self.heard = 0  # so often

    def send(self) -> None:
        """Returns at once, and never fails."""
        for path in self._folder.sockets(ENDING):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                try:
                    sender.sendto(b"\0", str(path))
                except ConnectionRefusedError:  # of a worker that was killed
                    with suppress(OSError):
                        path.unlink()
                except OSError as error:  # it has enough of them to read
                    log.debug("A worker was not woken: %s", error)

    def listen(self) -> bool:
        """From now on, in a thread; False where there can be no sockets."""
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._folder.make()
            receiver.bind(str(self._folder.path / f"{os.getpid()}-{secrets.token_hex(4)}{ENDING}"))
        except (OSError, UnsafeFolder) as error:
            receiver.close()
            log.info("Installs begin up to half a second after the click: %s", error)
            return False
        threading.Thread(target=self._receive, args=(receiver,), name="wake-ups", daemon=True).start()
        return True

    def wait(self, heard: int, seconds: float) -> None:
        """Until a word comes after those that were ``heard``, or for so long."""
        with self._changed:
            self._changed.wait_for(lambda: self.heard != heard, seconds)

    def _receive(self, receiver: socket.socket) -> None:
        while True:
            receiver.recv(1)
            with self._changed:
                self.heard += 1
                self._changed.notify_all()
