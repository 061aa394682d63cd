"""What a person reads when something breaks below a page."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from django.db import connection
from django.test import Client

from settings_app.administrator import administrator


def _rename(table: str, name: str) -> None:
    """By another connection, as if the file had been changed below us."""
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as raw:
        raw.execute(f"ALTER TABLE {table} RENAME TO {name}")
        raw.commit()


@pytest.fixture
def owner(transactional_db):
    owner = Client(SERVER_NAME="localhost", raise_request_exception=False)
    owner.force_login(administrator())
    return owner


@pytest.mark.parametrize("path", ["/activity/", "/api/activity/recent"])
def test_a_table_that_cannot_be_read_is_503_with_a_sentence(owner, path):
    _rename("activity", "activity_gone")
    try:
        answer = owner.get(path)
    finally:
        _rename("activity_gone", "activity")

    assert answer.status_code == 503
    assert "Traceback" not in answer.content.decode()
    assert "database" in answer.content.decode().lower()


def test_a_missing_page_is_404_in_our_dress(owner):
    answer = owner.get("/nothing-here/")
    assert answer.status_code == 404
    assert "There is nothing at this address." in answer.content.decode()
