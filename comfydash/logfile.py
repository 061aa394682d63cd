"""The log file that several processes share, and what a line of it looks like."""

from __future__ import annotations

import copy
import logging.handlers
import os
import sys
from contextlib import suppress
from pathlib import PurePath
from typing import Any

FORMAT = "{asctime} {levelname} {name} {message}"
# A byte of a name that is no text, as everywhere else.
BYTES = {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}
# What would begin another line, or speak to the terminal that shows it.
CONTROLS = {code: repr(chr(code))[1:-1] for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)}


class Line(logging.Formatter):
    """Names and answers from outside cannot write lines of their own; our sentences and tracebacks may have many."""

    def __init__(self) -> None:
        super().__init__(FORMAT, style="{")

    def format(self, record: logging.LogRecord) -> str:
        safe = copy.copy(record)
        if isinstance(safe.args, tuple):
            safe.args = tuple(map(_on_one_line, safe.args))
        return super().format(safe).translate(BYTES)


def _on_one_line(value: object) -> object:
    return str(value).translate(CONTROLS) if isinstance(value, str | PurePath | BaseException) else value


def no_log_file(error: OSError, file: str = "") -> str:
    """A sentence; ``file`` where the error itself does not name it."""
    where = f" {error.filename or file}".rstrip()
    why = error.strerror or str(error)
    return f"The log file{where} cannot be written ({why}). Make room, or set COMFYDASH_LOG_DIR to a writable folder."


class RotatingFile(logging.handlers.WatchedFileHandler):
    """Appends; the supervisor alone rotates (``rotate``), the others notice that the file was moved.

    The standard library's RotatingFileHandler is for one process: two that rotate at once lose lines.

    A file that cannot be opened or written costs its lines, never the work that they tell of; that is said once.
    """

    def __init__(self, filename: str, **kwargs: Any) -> None:
        super().__init__(filename, encoding="utf-8", **kwargs)

    _silent = False  # the file takes nothing, and that was said

    def _open(self) -> Any:
        # Not for others to read: names of models, addresses, what hosts answered.
        return open(  # closed by the handler
            self.baseFilename,
            self.mode,
            encoding=self.encoding,
            errors=self.errors,
            opener=_open_private,
        )

    def emit(self, record: logging.LogRecord) -> None:
        """A disk that is full or gone costs the line in the file, and is said once; stderr has every line."""
        self._failed = False
        try:
            super().emit(record)
        except OSError as error:  # looking whether the file was moved
            self._lose(error)
        if not self._failed:
            self._silent = False

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            self._lose(error)
        else:
            super().handleError(record)

    def _lose(self, error: OSError) -> None:
        self._failed = True
        stream, self.stream = self.stream, None
        if stream:
            _close_unwritten(stream)
        if not self._silent and sys.stderr:
            self._silent = True
            with suppress(OSError, ValueError):
                sys.stderr.write(f"{no_log_file(error, self.baseFilename)}\n")


def _close_unwritten(stream: Any) -> None:
    """What it still holds goes nowhere: closed as it is, it would try once more and stay open."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(nowhere, stream.fileno(), inheritable=False)
        os.close(nowhere)
        stream.close()


def _open_private(name: str, flags: int) -> int:
    descriptor = os.open(name, flags, 0o600)
    with suppress(OSError):  # a volume without modes, a file of somebody else's
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    return descriptor
