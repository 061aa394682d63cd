"""Django's PostgreSQL, of which no wait is without an end, and which connects anew after the server was away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import psycopg
from django.db.backends.postgresql import base

from comfydash.postgresql.connection import Connection
from comfydash.postgresql.pool import POOL


class DatabaseWrapper(base.DatabaseWrapper):
    Database = SimpleNamespace(**{**vars(psycopg), "connect": POOL.connect})  # type: ignore[assignment]
    _unlimited = False

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        connection: Connection = super().get_new_connection(conn_params)
        connection.is_reusable = not self._unlimited
        if not self._unlimited:
            connection.silence = self.settings_dict.get("SILENCE_SECONDS")
        return connection

    def _close(self) -> None:
        if self.connection is None:
            return
        with self.wrap_database_errors:
            if self.in_atomic_block:  # Django goes on holding it, as one that is closed
                self.connection.close()
            else:
                POOL.give_back(self.connection)

    def ensure_connection(self) -> None:
        """Django looks between requests alone, and a thread that works for hours has none."""
        if self.connection is not None and self.connection.closed and not self.in_atomic_block:
            self.close()
        super().ensure_connection()

    def init_connection_state(self) -> None:
        super().init_connection_state()
        if self._unlimited:
            with self.connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")

    @contextmanager
    def unlimited(self) -> Iterator[None]:
        """For migrations, which may take as long as they take. Not within a transaction."""
        self.close()
        self._unlimited = True
        try:
            yield
        finally:
            self._unlimited = False
            self.close()
