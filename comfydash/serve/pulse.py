"""Does the web server still answer? Asked over its own listening socket, without ever waiting for it."""

from __future__ import annotations

import errno
import socket
import time

from comfydash.data_folders import seconds

LIMIT = seconds("COMFYDASH_PULSE_LIMIT", 60)  # seconds without an answer; lowered by tests only
QUESTIONS = 4  # in a limit; none is given up before the limit, so that a slow answer on a busy machine counts
REQUEST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared, not bound


class Pulse:
    """Asks a question now and then and remembers when the last one was answered, with whatever status."""

    def __init__(self, listener: socket.socket, interval: float) -> None:
        """``interval``: seconds between two calls of stands_still()."""
        host, *rest = listener.getsockname()
        self._family, self._address = listener.family, (ANYWHERE.get(host, host), *rest)
        self._interval = interval
        self._open: list[_Question] = []
        self._answered = self._looked = time.monotonic()
        self._asked = 0.0

    def restart(self) -> None:
        self._give_up()
        self._answered = self._looked = time.monotonic()
        self._asked = 0.0

    def stands_still(self) -> bool:
        """To be asked every ``interval`` seconds."""
        now = time.monotonic()
        if now - self._looked > 2 * self._interval + 1:  # we did not run ourselves (laptop lid, SIGSTOP)
            self.restart()
        self._looked = now
        if any(question.is_answered() for question in self._open):
            self._give_up()
            self._answered = now
        self._open = [question for question in self._open if not question.over]
        if now - self._asked >= LIMIT / QUESTIONS:
            self._asked = now
            self._open.append(_Question(self._family, self._address))
        return now - self._answered > LIMIT

    def _give_up(self) -> None:
        for question in self._open:
            question.close()
        self._open = []


class _Question:
    """One request on a connection of its own; no call here blocks."""

    def __init__(self, family: int, address: tuple[str | int, ...]) -> None:
        self.over = False
        self._unsent = REQUEST
        self._heard = b""
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.connect_ex(address)

    def is_answered(self) -> bool:
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
            while not self._heard.startswith(b"HTTP/1."):
                heard = self._socket.recv(1024)
                if not heard:
                    self.close()
                    return False
                self._heard += heard
        except BlockingIOError:
            return False
        except OSError as error:
            if not _is_still_connecting(error):
                self.close()
            return False
        return True

    def close(self) -> None:
        self.over = True
        self._socket.close()


def _is_still_connecting(error: OSError) -> bool:
    return error.errno == errno.ENOTCONN
