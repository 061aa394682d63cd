"""The child's end of the thread that ties it to the supervisor: it waits for the start, tells that it is ready,
and ends when the supervisor is no more.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import sys
import threading
import time

log = logging.getLogger(__name__)

VARIABLE = "COMFYDASH_PARENT_WATCH"  # number of the inherited socket
GO, READY = b"g", b"r"
PR_SET_PDEATHSIG = 1  # prctl(2)
LAST_WORDS_SECONDS = 4.0


class ParentWatch:
    """Does nothing in a process that no supervisor started."""

    def __init__(self) -> None:
        number = os.environ.pop(VARIABLE, "")
        self._socket = socket.socket(fileno=int(number)) if number else None
        if self._socket is None:
            return
        self._socket.set_inheritable(False)
        if sys.platform == "linux":
            # Ends a stopped or hanging process too, which the thread below cannot.
            ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if self._has_lost_its_supervisor():  # before we could ask for that signal
            sys.exit(0)

    def wait_for_start(self) -> None:
        """Until the database is ready; then watch the supervisor. Exits when that is gone already."""
        if self._socket is None:
            return
        if self._socket.recv(1) != GO:
            sys.exit(0)
        threading.Thread(target=self._watch, name="parent_watch", daemon=True).start()

    def _has_lost_its_supervisor(self) -> bool:
        assert self._socket is not None
        try:
            return not self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except ConnectionError:
            return True

    def tell_ready(self) -> None:
        if self._socket is not None:
            try:
                self._socket.send(READY)
            except OSError:
                log.debug("The supervisor is gone.")

    def _watch(self) -> None:
        assert self._socket is not None
        try:
            while self._socket.recv(1):
                pass
        except ConnectionError:
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(LAST_WORDS_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)
