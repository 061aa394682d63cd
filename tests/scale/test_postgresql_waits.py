"""Every wait for PostgreSQL has an end, and what had one goes on by itself once the server is back."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import InterfaceError, OperationalError, transaction
from django.db.utils import load_backend

from comfydash import env
from downloads.worker import db_retry
from tests.scale.tcp_proxy import TcpProxy

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]  # the second one only lifts the guard of pytest-django
MINUTE = 60  # seconds after which a wait counts as one without an end


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[TcpProxy]:
    port = urlsplit(postgres_url).port
    assert port
    with TcpProxy(port) as proxy:
        yield proxy


@pytest.fixture
def database(proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A connection as the settings make it, through the proxy; it gives up half a second of silence."""
    wrapper = connected(proxy, monkeypatch)
    wrapper.settings_dict["SILENCE_SECONDS"] = 0.5
    yield wrapper
    proxy.heal()
    wrapper.close()


def connected(proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch, query: str = "") -> Any:
    monkeypatch.setenv("DATABASE_URL", f"postgres://postgres@127.0.0.1:{proxy.port}/postgres{query}")
    entry = env.database("DATABASE_URL")
    defaults: dict[str, Any] = {"ATOMIC_REQUESTS": False, "AUTOCOMMIT": True, "TIME_ZONE": None, "TEST": {}}
    return load_backend(entry["ENGINE"]).DatabaseWrapper({**defaults, **entry}, "proxied")


def asked(database: Any, question: str = "SELECT 1") -> Any:
    with database.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]


def ends(work: Callable[[], object]) -> str:
    """The error that a piece of work ends with, in a thread of its own; "" for none."""
    ended: list[str] = []

    def run() -> None:
        try:
            work()
            ended.append("")
        except (OperationalError, InterfaceError) as error:
            ended.append(str(error) or type(error).__name__)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(MINUTE)
    assert ended, "it waits without an end"
    return ended[0]


def test_a_server_that_takes_the_question_and_never_answers_is_given_up(proxy, database):
    database.inc_thread_sharing()
    assert asked(database) == 1
    proxy.hang()

    assert "said nothing" in ends(lambda: asked(database))
    assert proxy.swallowed.is_set()


def test_a_server_that_accepts_and_never_answers_is_given_up(proxy, database):
    database.inc_thread_sharing()
    database.settings_dict["OPTIONS"]["connect_timeout"] = 2
    proxy.hang()

    assert "timeout" in ends(lambda: asked(database))


def test_a_connection_that_was_cut_is_made_anew_by_the_next_question(proxy, database):
    """Also within one long piece of work, where Django does not look whether it still stands."""
    assert asked(database) == 1
    proxy.cut()
    with pytest.raises(OperationalError):
        asked(database)
    proxy.heal()

    assert asked(database) == 1


def test_an_answer_that_comes_too_late_is_not_taken_for_that_of_the_next_question(proxy, database):
    assert asked(database) == 1
    proxy.hang()
    with pytest.raises(OperationalError):
        asked(database, "SELECT 'late'")
    proxy.heal()

    assert asked(database, "SELECT 'new'") == "new"


def test_a_transaction_that_lost_its_connection_is_not_continued_on_another(proxy, database):
    database.set_autocommit(False)
    assert asked(database) == 1
    proxy.cut()
    with pytest.raises(OperationalError):
        asked(database)
    proxy.heal()
    database.in_atomic_block = True

    with pytest.raises((OperationalError, InterfaceError)):
        asked(database)
    database.in_atomic_block = False


def test_a_write_whose_transaction_lost_its_connection_is_tried_again(proxy, database, monkeypatch):
    """Also where the server is back at once, and Django has made a new connection before anybody can look."""
    monkeypatch.setattr(db_retry, "connection", database)
    monkeypatch.setattr(transaction, "get_connection", lambda using: database)
    tries = []

    def write() -> Any:
        with transaction.atomic("proxied"):
            tries.append(asked(database))
            if len(tries) == 1:
                proxy.cut()
                proxy.heal()
            return asked(database, "SELECT 'written'")

    assert db_retry.while_locked(write) == "written"
    assert len(tries) == 2


def test_the_server_ends_what_takes_too_long_unless_it_is_a_migration(proxy, monkeypatch):
    database = connected(proxy, monkeypatch, "?options=-c%20statement_timeout%3D150ms")
    with pytest.raises(OperationalError, match="statement timeout"):
        asked(database, "SELECT pg_sleep(20)")
    with database.unlimited():
        assert asked(database, "SELECT 'slow' FROM pg_sleep(0.3)") == "slow"
    with pytest.raises(OperationalError, match="statement timeout"):
        asked(database, "SELECT pg_sleep(20)")
    database.close()


def test_what_a_person_writes_into_the_address_wins(proxy, monkeypatch):
    database = connected(
        proxy, monkeypatch, "?connect_timeout=3&keepalives_idle=7&options=-c%20statement_timeout%3D2min"
    )
    assert asked(database, "SHOW statement_timeout") == "2min"
    assert asked(database, "SHOW idle_in_transaction_session_timeout") == "30s"
    parameters = database.connection.info.get_parameters()
    assert {name: parameters[name] for name in ("connect_timeout", "keepalives_idle", "keepalives_count")} == {
        "connect_timeout": "3",
        "keepalives_idle": "7",
        "keepalives_count": "3",
    }
    assert database.settings_dict["SILENCE_SECONDS"] == 125.0
    database.close()


def test_nothing_waits_for_ever_by_default(monkeypatch):
    monkeypatch.setitem(os.environ, "DATABASE_URL", "postgres://u:p@h/db")
    entry = env.database("DATABASE_URL")
    assert entry["SILENCE_SECONDS"] == 25.0
    assert {"connect_timeout", "tcp_user_timeout", "keepalives_idle"} <= entry["OPTIONS"].keys()


def test_no_limit_is_none_for_the_client_too(monkeypatch):
    monkeypatch.setitem(os.environ, "DATABASE_URL", "postgres://u:p@h/db?options=-c%20statement_timeout%3D0")
    assert env.database("DATABASE_URL")["SILENCE_SECONDS"] is None
