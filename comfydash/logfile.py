"""The log file that several processes share."""

from __future__ import annotations

import logging.handlers
import os
from typing import Any


class RotatingFile(logging.handlers.WatchedFileHandler):
    """Appends; the supervisor alone rotates (``rotate``), the others notice that the file was moved.

    The standard library's RotatingFileHandler is for one process: two that rotate at once lose lines.
    """

    def __init__(self, filename: str, **kwargs: Any) -> None:
        super().__init__(filename, encoding="utf-8", **kwargs)

    def _open(self) -> Any:
        # Not for others to read: names of models, addresses, what hosts answered.
        return open(  # closed by the handler
            self.baseFilename,
            self.mode,
            encoding=self.encoding,
            errors=self.errors,
            opener=lambda name, flags: os.open(name, flags, 0o600),
        )
