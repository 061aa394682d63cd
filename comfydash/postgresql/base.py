"""Django's PostgreSQL, of which no wait is without an end, and which connects anew after the server was away."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import psycopg
from django.db.backends.postgresql import base


class Connection(psycopg.Connection[Any]):
    """Gives up a server that says nothing for ``silence`` seconds.

    Of what PostgreSQL and the kernel offer nothing helps against a server that is stopped, or a proxy that holds the
    connection and passes nothing on: the bytes are acknowledged, and the answer never comes.
    """

    silence: float | None = None

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **options: Any) -> Any:
        if self.silence is None:
            return super().wait(gen, *args, **options)
        try:
            return super().wait(_while_heard(gen, self.silence), *args, **options)
        except ServerSilent:
            self.close()  # an answer that comes after all must not be taken for that of the next question
            raise


class ServerSilent(psycopg.OperationalError):
    pass


def _while_heard(steps: Generator[Any, Any, Any], silence: float) -> Generator[Any, Any, Any]:
    """psycopg's steps of one exchange. It is woken several times a second, whether or not something came."""
    heard = time.monotonic()
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if ready:
                heard = time.monotonic()
            elif time.monotonic() - heard > silence:
                raise ServerSilent(f"connection given up: the server said nothing for {silence:.0f} s")
            wanted = steps.send(ready)
    except StopIteration as end:
        return end.value


class DatabaseWrapper(base.DatabaseWrapper):
    Database = SimpleNamespace(**{**vars(psycopg), "connect": Connection.connect})  # type: ignore[assignment]
    _unlimited = False

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        connection: Connection = super().get_new_connection(conn_params)
        if not self._unlimited:
            connection.silence = self.settings_dict.get("SILENCE_SECONDS")
        return connection

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
