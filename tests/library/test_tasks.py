from __future__ import annotations

import pytest
from django.db import connections

from library import tasks
from library.models import DuplicateSearch
from tests.library.makers import put

pytestmark = pytest.mark.django_db


MB = 2**20


@pytest.fixture(autouse=True)
def asked_for(db: None) -> None:
    assert DuplicateSearch.begin()


def test_the_worker_runs_it_and_says_how_many(caplog: pytest.LogCaptureFixture, monkeypatch) -> None:
    monkeypatch.setattr(connections, "close_all", lambda: None)  # the test's own connection has to stay open
    put("loras/a.safetensors", 2 * MB, seed="same")
    put("loras/b.safetensors", 2 * MB, seed="same")
    with caplog.at_level("INFO", logger="storage"):
        tasks.run()
    assert "hashed 2 files" in caplog.text
