"""The log file that several processes share."""

from __future__ import annotations

import logging.handlers
import os
import sys
from contextlib import suppress
from typing import Any


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
