from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from django.utils.log import log_response

from comfydash.health import healthz
from downloads.workers import Worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return Client(SERVER_NAME="127.0.0.1")


def worker_seen(seconds_ago: float) -> None:
    seen_at = timezone.now() - timedelta(seconds=seconds_ago)
    facts = {"host": "pod-1", "pid": 7, "version": "0.1.0", "started_at": seen_at, "seen_at": seen_at}
    Worker.objects.create(name="a worker", **facts)


def test_all_is_well(client):
    worker_seen(4)
    answer = client.get("/healthz")
    expected = {"status": "ok", "database": "ok", "worker": "ok", "version": settings.VERSION}
    assert (answer.status_code, answer.json()) == (200, expected)


@pytest.mark.parametrize("seconds_ago", [31, 86_400])
def test_a_worker_that_was_not_seen_for_half_a_minute_is_down(client, seconds_ago):
    worker_seen(seconds_ago)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert (answer.json()["status"], answer.json()["worker"], answer.json()["database"]) == ("down", "down", "ok")


def test_a_worker_that_never_was_is_down(client):
    assert client.get("/healthz").json()["worker"] == "down"


def test_a_database_without_tables_is_down(client):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE worker RENAME TO away")
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["database"]) == (503, "down")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has no such lock")
def test_a_database_that_cannot_even_be_opened_for_a_lock_is_told_soon(tmp_path):
    """With a rollback journal, where a writer keeps readers out; pages wait as long as is given here."""
    file, statuses = tmp_path / "locked.db", []

    def ask() -> None:
        options = {**connection.settings_dict["OPTIONS"], "timeout": 300, "init_command": "PRAGMA journal_mode=delete;"}
        connection.settings_dict = {**connection.settings_dict, "NAME": str(file), "OPTIONS": options}
        statuses.append(healthz(RequestFactory().get("/healthz")).status_code)

    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("CREATE TABLE worker (id)")
        holder.execute("BEGIN EXCLUSIVE")
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(60)
    assert statuses == [503]


def test_it_is_only_for_asking_and_never_cached(client):
    assert client.post("/healthz").status_code == 405
    assert "no-store" in client.get("/healthz").headers["Cache-Control"]


def test_being_down_is_an_answer_and_no_line_in_the_log(client, caplog):
    with caplog.at_level("ERROR", "django.request"):
        assert client.get("/healthz").status_code == 503
        assert caplog.messages == []
        elsewhere = RequestFactory().get("/elsewhere")
        log_response("Down: %s", elsewhere.path, response=HttpResponse(status=503), request=elsewhere)
        assert caplog.messages == ["Down: /elsewhere"]
