"""Django's SQLite, whose file nobody else can read from its first byte on; -wal and -shm get its mode."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db.backends.sqlite3 import base

from volumes.files import make_private


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        name = str(conn_params["database"])
        if not name.startswith(("file:", ":memory:")):
            with suppress(OSError):  # a volume without modes; a folder that is not there is said by what follows
                make_private(Path(name), create=True)
        connection: sqlite3.Connection = super().get_new_connection(conn_params)
        return connection
