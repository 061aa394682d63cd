"""How many statements each page and verb takes, and on PostgreSQL how many rows they look at.

python -m bench.postgresql.counts ROW, with the environment of a dashboard whose rows stand; prints JSON. ROW is the
id of a queued install. The verbs are carried out.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

from bench.postgresql.steps import PAGES, verbs


def count(row: int) -> dict[str, tuple[int, int | None]]:
    from django.test import Client

    from settings_app.administrator import administrator

    client = Client(SERVER_NAME="localhost")
    client.force_login(administrator())
    steps: list[tuple[str, Callable[[], Any]]] = [(path, partial(client.get, path)) for path in PAGES]
    for verb in verbs(row):
        form = urlencode(verb.fields)
        kind = "application/x-www-form-urlencoded"
        steps.append((verb.name, partial(client.post, verb.path, form, content_type=kind)))
    client.get("/")  # what is read once for a process
    return {name: _counted(act) for name, act in steps}


def _counted(act: Callable[[], Any]) -> tuple[int, int | None]:
    from django.db import connection

    number = 0

    def wrapper(execute: Any, *arguments: Any) -> Any:
        nonlocal number
        number += 1
        return execute(*arguments)

    before = _rows_read()
    with connection.execute_wrapper(wrapper):
        answer = act()
    if answer.status_code >= 400:
        raise RuntimeError(f"{answer.request['PATH_INFO']}: {answer.status_code} {answer.content[:300]!r}")
    after = _rows_read()
    return number, None if before is None or after is None else after - before


def _rows_read() -> int | None:
    """Of all tables so far, sequential and by index; None where nobody counts."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables")
        return int(cursor.fetchone()[0])


if __name__ == "__main__":
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "comfydash.settings"
    django.setup()
    print(json.dumps(count(int(sys.argv[1]))))
