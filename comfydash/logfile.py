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


def no_log_file(error: OSError) -> str:
    return f"The log file is not written: {error}. Make room, or set COMFYDASH_LOG_DIR to a writable folder."


class RotatingFile(logging.handlers.WatchedFileHandler):
    """Appends; the supervisor alone rotates (``rotate``), the others notice that the file was moved.

    The standard library's RotatingFileHandler is for one process: two that rotate at once lose lines.

    A file that cannot be opened or written costs its lines, never the work that they tell of; that is said once.
    """

    def __init__(self, filename: str, **kwargs: Any) -> None:
        super().__init__(filename, encoding="utf-8", **kwargs)
        self._told = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:  # while opening it
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._told:
            self._told = True
            with suppress(OSError, ValueError, AttributeError):  # stderr may be closed too
                sys.stderr.write(f"{no_log_file(error)}\n")

    def _open(self) -> Any:
        # Not for others to read: names of models, addresses, what hosts answered.
        return open(  # closed by the handler
            self.baseFilename,
            self.mode,
            encoding=self.encoding,
            errors=self.errors,
            opener=lambda name, flags: os.open(name, flags, 0o600),
        )
