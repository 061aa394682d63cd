import asyncio
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import AsyncClient

from activity import export
from activity.models import Activity

pytestmark = pytest.mark.django_db


BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def entries(count: int, **fields: object) -> None:
    made = {"type": "download", "status": "completed", **fields}
    Activity.objects.bulk_create(
        # Every third has the moment of its neighbour: the id decides.
        Activity(**{"title": str(number), "created_at": BEGIN + timedelta(seconds=number - number % 3)} | made)
        for number in range(count)
    )


@pytest.mark.parametrize("count", [0, 1, 7])
def test_the_export_is_everything_in_order(owner, monkeypatch, count):
    monkeypatch.setattr(export, "BATCH", 3)
    entries(count, details={"size": 1, "name": "ü"})
    expected = [str(number) for number in reversed(range(count))]
    answer = owner.get("/api/activity/export")
    document = json.loads(b"".join(answer.streaming_content))
    assert [one["title"] for one in document["activities"]] == expected and document["total"] == count
    assert answer["Content-Disposition"].startswith('attachment; filename="activity-')
    rows = list(csv.DictReader(io.StringIO(b"".join(owner.get("/api/activity/export?format=csv")).decode())))
    assert [row["title"].lstrip("'") for row in rows] == expected
    assert {row["details"] for row in rows} <= {'{"size": 1, "name": "ü"}'}
    assert owner.get("/api/activity/export?format=xml").status_code == 400


def test_a_spreadsheet_runs_nothing_from_the_export(owner):
    entries(1, title='=HYPERLINK("http://evil.example")', subtitle="@x")
    (row,) = csv.DictReader(io.StringIO(b"".join(owner.get("/api/activity/export?format=csv")).decode()))
    assert row["title"].startswith("'=") and row["subtitle"] == "'@x"


@pytest.mark.django_db(transaction=True)
def test_the_export_streams_under_asgi_too(owner, monkeypatch, settings):
    settings.EXTRA_ALLOWED_HOSTS = ["testserver"]
    monkeypatch.setattr(export, "BATCH", 2)
    entries(5)
    browser = AsyncClient()
    browser.cookies = owner.cookies

    async def fetch() -> bytes:
        answer: Any = await browser.get("/api/activity/export")
        assert answer.status_code == 200, answer.content
        return b"".join([piece async for piece in answer.streaming_content])

    assert json.loads(asyncio.run(fetch()))["total"] == 5
