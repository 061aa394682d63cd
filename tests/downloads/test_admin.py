"""The history in the Django admin."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.test import Client

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


def act(client: Client, action: str, rows: list[DownloadHistory]) -> str:
    client.force_login(administrator())
    selected = {"action": action, "_selected_action": [row.pk for row in rows]}
    page = client.post("/admin/downloads/downloadhistory/", selected, follow=True, SERVER_NAME="127.0.0.1")
    return " ".join(re.findall(r'<li class="\w+">(.*?)</li>', page.content.decode()))


@pytest.mark.parametrize(
    ("action", "statuses", "said"),
    [
        ("cancel", ["queued", "paused"], "2 cancelled."),
        ("cancel", ["queued", "failed"], "1 cancelled. 1 of the selected had ended before."),
        ("cancel", ["failed"], "Nothing to cancel: what is selected has ended."),
        ("retry", ["failed", "cancelled"], "2 queued again."),
        ("retry", ["failed", "completed"], "1 queued again. 1 of the selected had nothing to try again."),
        ("retry", ["completed", "queued"], "There is nothing to try again."),
    ],
)
def test_an_action_touches_what_is_selected_and_tells_what_became_of_all(client, action, statuses, said):
    other = make_install("queued" if action == "cancel" else "failed", preset_id="other")
    rows = [make_install(status, preset_id=f"P{number}") for number, status in enumerate(statuses)]
    assert act(client, action, rows) == said
    other.refresh_from_db()
    assert other.status == ("queued" if action == "cancel" else "failed")
    assert DownloadHistory.objects.filter(preset_id="other").count() == 1
