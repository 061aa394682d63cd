"""The history in the Django admin."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from downloads.admin import Dated
from downloads.models import DownloadHistory
from settings_app.administrator import administrator
from tests.downloads.makers import make_install

pytestmark = pytest.mark.django_db
DAYS = [(2025, 12, 31), (2026, 1, 1), (2026, 1, 2), (2026, 11, 21)]


@pytest.fixture
def history() -> None:
    for day in DAYS:
        for hour in (0, 23):
            row = make_install(preset_id=f"P{day}{hour}")
            DownloadHistory.objects.filter(pk=row.pk).update(queued_at=datetime(*day, hour, 59, tzinfo=UTC))


@pytest.mark.parametrize("order", ["ASC", "DESC"])
@pytest.mark.parametrize("kind", ["year", "month", "day"])
def test_the_dates_are_those_of_django(history, kind, order):
    own = Dated(DownloadHistory).datetimes("queued_at", kind, order)
    assert own == list(DownloadHistory.objects.datetimes("queued_at", kind, order))


@pytest.mark.parametrize(
    ("query", "said"),
    [("", "2025"), ("queued_at__year=2026", "January 2026"), ("queued_at__year=2026&queued_at__month=1", "January 2")],
)
def test_the_history_is_walked_by_date(client, history, query, said):
    client.force_login(administrator())
    page = client.get(f"/admin/downloads/downloadhistory/?{query}", SERVER_NAME="127.0.0.1")
    assert said in page.content.decode()
