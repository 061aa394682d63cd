"""Connections to PostgreSQL stand ready for the next thread, are bounded in number, and are not handed out broken."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db.utils import ConnectionHandler

from comfydash import env
from comfydash.postgresql import base, pool
from tests.scale.tcp_proxy import TcpProxy

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]  # the second one only lifts the guard of pytest-django
MOST = 3


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[TcpProxy]:
    port = urlsplit(postgres_url).port
    assert port
    with TcpProxy(port) as proxy:
        yield proxy
        proxy.heal()


@pytest.fixture
def database(proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[ConnectionHandler]:
    """``default`` is another connection in each thread, as in a web, and at most MOST stand at once."""
    small = pool.Pool(MOST)
    monkeypatch.setattr(base, "POOL", small)
    monkeypatch.setattr(base.DatabaseWrapper.Database, "connect", small.connect)
    monkeypatch.setenv("DATABASE_URL", f"postgres://postgres@127.0.0.1:{proxy.port}/postgres?application_name=pooled")
    yield ConnectionHandler({"default": env.database("DATABASE_URL")})
    small.close()


def as_request(database: ConnectionHandler, work: Callable[[Any], Any]) -> Any:
    """In a thread of its own that ends with its connection given back."""
    answers: list[Any] = []

    def run() -> None:
        connection = database["default"]
        try:
            answers.append(work(connection))
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return answers[0] if answers else None


def process(connection: Any) -> int:
    """Of the server, which has one for each connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_the_next_request_takes_the_connection_of_the_one_before(database: ConnectionHandler) -> None:
    assert as_request(database, process) == as_request(database, process)


def test_a_crowd_shares_as_many_connections_as_there_may_be(database: ConnectionHandler, postgres_url: str) -> None:
    crowded = threading.Barrier(MOST)

    def ask(number: int) -> int:
        connection = database["default"]
        try:
            found = process(connection)
            if number < MOST:  # so many at least are at work at once
                crowded.wait(60)
            return found
        finally:
            connection.close()

    with ThreadPoolExecutor(30) as threads:
        assert len(set(threads.map(ask, range(30)))) == MOST
    with psycopg.connect(postgres_url) as watch:
        found = watch.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pooled'").fetchone()
    assert found == (MOST,)


def test_who_gets_none_in_time_is_told(database: ConnectionHandler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "WAIT_SECONDS", 0.1)
    handed_out = [ConnectionHandler(database.settings)["default"] for _ in range(MOST + 1)]
    for connection in handed_out[:MOST]:
        process(connection)

    with pytest.raises(Exception, match="all 3 connections of this process were in use"):
        process(handed_out[MOST])
    handed_out[0].close()
    assert process(handed_out[MOST])
    for connection in handed_out:
        connection.close()


def test_one_that_the_server_ended_is_not_handed_out(
    database: ConnectionHandler, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "BELIEVED_SECONDS", 0.0)  # else what was used a moment ago may be closed on its way
    ended = as_request(database, process)
    with psycopg.connect(postgres_url, autocommit=True) as administrator:
        administrator.execute("SELECT pg_terminate_backend(%s, 10000)", [ended])

    assert as_request(database, process) not in {ended, None}


@pytest.mark.parametrize("trouble", ["cut", "strand"])
def test_those_that_were_lost_without_a_word_are_found_out_by_the_first_who_asks(
    database: ConnectionHandler, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(pool, "BELIEVED_SECONDS", 0.0)
    monkeypatch.setattr(pool, "CHECK_SECONDS", 0.3)
    lost = as_request(database, process)
    getattr(proxy, trouble)()
    proxy.heal()

    assert as_request(database, process) not in {lost, None}


def test_a_transaction_that_was_left_open_is_nobody_elses(database: ConnectionHandler) -> None:
    def leave_open(connection: Any) -> int:
        connection.set_autocommit(False)
        return process(connection)

    def ask(connection: Any) -> tuple[int, bool]:
        return process(connection), bool(connection.get_autocommit())

    left = as_request(database, leave_open)

    found, commits = as_request(database, ask)
    assert found != left
    assert commits


def test_one_that_is_closed_within_a_transaction_is_closed(database: ConnectionHandler) -> None:
    connection = database["default"]
    connection.ensure_connection()
    held = connection.connection
    connection.in_atomic_block = True
    connection.close()
    assert held.closed
    connection.in_atomic_block = connection.closed_in_transaction = False
    connection.connection = None


def test_what_a_migration_used_keeps_its_limits_from_nobody(database: ConnectionHandler) -> None:
    def limit(connection: Any) -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            return str(cursor.fetchone()[0])

    def migrate(connection: Any) -> str:
        with connection.unlimited():
            return limit(connection)

    assert as_request(database, migrate) == "0"
    assert as_request(database, limit) == "20s"


def test_one_with_other_options_is_another_one(database: ConnectionHandler) -> None:
    def impatient(connection: Any) -> int:
        connection.settings_dict = {
            **connection.settings_dict,
            "OPTIONS": {**connection.settings_dict["OPTIONS"], "connect_timeout": 2},
        }
        return process(connection)

    assert as_request(database, process) != as_request(database, impatient)
