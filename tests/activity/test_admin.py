import re
from datetime import UTC, datetime

import pytest
from django.utils import timezone

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
    answer = owner.post("/admin/activity/activity/", {"action": "clear", "_selected_action": [row.pk]})
    assert answer.url == "/activity/clear/" and Activity.objects.count() == 1


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
