"""psycopg's connection, which gives up a server that says nothing."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg


class Connection(psycopg.Connection[Any]):
    """Gives up a server that says nothing for ``silence`` seconds.

    Of what PostgreSQL and the kernel offer nothing helps against a server that is stopped, or a proxy that holds the
    connection and passes nothing on: the bytes are acknowledged, and the answer never comes.
    """

    silence: float | None = None
    purpose: str = ""  # what it was opened with
    is_reusable = True  # for others, once it is given back

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
