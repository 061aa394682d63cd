import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import timezone

from activity import admin
from activity.models import Activity

pytestmark = pytest.mark.django_db


NOON = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)


def entry(title: str = "FLUX", created_at: datetime = NOON, **fields: object) -> Activity:
    made = {"type": "download", "status": "completed", **fields}
    return Activity.objects.create(title=title, created_at=created_at, **made)


def test_the_admin_shows_the_log_and_changes_nothing(owner):
    row = entry("in the admin")
    for path in ("", f"{row.pk}/change/", "?type__exact=download", "?q=admin", f"?created_at__year={NOON.year}"):
        assert "in the admin" in owner.get(f"/admin/activity/activity/{path}").content.decode()
    assert owner.get("/admin/activity/activity/add/").status_code == 403
    assert owner.post(f"/admin/activity/activity/{row.pk}/change/", {"title": "forged"}).status_code == 403
    assert Activity.objects.count() == 1


def select(owner: Client, rows: list[Activity], query: str = "", **data: object) -> str:
    answer = owner.post(
        f"/admin/activity/activity/{query}",
        {"action": "delete_selected", "_selected_action": [row.pk for row in rows], **data},
        follow=True,
    )
    return answer.content.decode()


def test_the_admin_deletes_what_is_selected_and_nothing_else(owner: Client) -> None:
    chosen, other = entry("chosen"), entry("other")
    asked = select(owner, [chosen])
    assert "chosen" in asked and "other" not in asked and Activity.objects.count() == 2
    select(owner, [chosen], post="yes")
    assert list(Activity.objects.all()) == [other]


def test_all_that_a_filter_finds_is_a_selection_too(owner: Client) -> None:
    chosen, _ = entry("chosen", type="error"), entry("other")
    asked = select(owner, [chosen], "?type__exact=error", select_across="1")
    assert "chosen" in asked and "other" not in asked


def test_more_than_the_page_that_asks_can_send_back_is_refused_with_the_way_out(
    owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "MOST_DELETED", 1)
    said = select(owner, [entry("one"), entry("two")], select_across="1")
    assert "2 entries are selected, and at most 1 can be deleted at a time." in said
    assert Activity.objects.count() == 2


def test_clearing_the_whole_log_is_a_page_that_asks_and_no_action_on_a_selection(owner: Client) -> None:
    entry("in the log")
    html = owner.get("/admin/activity/activity/").content.decode()
    assert '<a href="/activity/clear/">Clear the whole log…</a>' in html
    assert re.findall(r'<option value="(\w+)"', html) == ["delete_selected"]
    assert "entry" in owner.get("/activity/clear/").content.decode() and Activity.objects.count() == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["2025", "2026"]),
        ("?created_at__year=2026", ["January 2026", "March 2026"]),
        ("?created_at__year=2026&created_at__month=3", ["March 1", "March 31"]),
        ("?created_at__year=2026&created_at__month=3&type__exact=error", ["March 31"]),
    ],
)
def test_the_admin_leads_from_years_to_days(owner, query, found):
    for moment in ("2025-12-31T23:59:59", "2026-01-01T00:00:00", "2026-03-01T00:00:00", "2026-03-01T12:00:00"):
        entry("x", datetime.fromisoformat(f"{moment}+00:00"))
    entry("x", datetime(2026, 3, 31, 23, 59, tzinfo=UTC), type="error")
    html = owner.get(f"/admin/activity/activity/{query}").content.decode()
    navigation = html[html.index('class="toplinks"') :].partition("</nav>")[0]
    assert re.findall(r"<a href[^>]*>(\w[^<]+)</a>", navigation) == found
