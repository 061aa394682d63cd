"""The Activity page: by day, filtered, paged, cleared."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from activity.models import Activity

pytestmark = pytest.mark.django_db


NOON = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)


def entry(title: str = "FLUX", created_at: datetime = NOON, **fields: object) -> Activity:
    made = {"type": "download", "status": "completed", **fields}
    return Activity.objects.create(title=title, created_at=created_at, **made)


def titles(client, query: str = "") -> list[str]:
    return [one.title for one in client.get(f"/activity/{query}").context["listing"].entries]


def test_entries_stand_under_their_day_newest_first(owner):
    entry("an hour ago")
    entry("yesterday", NOON - timedelta(days=1))
    entry("long ago", datetime(2020, 2, 29, 23, 59, tzinfo=UTC))
    html = owner.get("/activity/").content.decode()
    days = [day.strip() for day in re.findall(r'<h3 class="day">([^<]+)</h3>', html)]
    assert days == ["Today", "Yesterday", "Saturday, 29 February 2020"]
    log = html[html.index('id="log"') :].partition("</section>")[0]
    assert log.count('<ul class="list">') == log.count("</ul>") == 3
    assert titles(owner) == ["an hour ago", "yesterday", "long ago"]
    assert "kept for 30 days" in html


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?type=error", ["broken"]),
        ("?status=failed", ["broken", "lost"]),
        ("?type=download&status=failed", ["lost"]),
        ("?day=2020-02-29", ["lost"]),
        ("?type=preset", []),
        ("?type=nope&status=nope&day=2020-02-30", ["FLUX", "broken", "lost"]),
        ("?day=0001-01-01", ["FLUX", "broken", "lost"]),
        ("?day=9999-12-31", ["FLUX", "broken", "lost"]),
        ("?page=99", ["FLUX", "broken", "lost"]),
        ("?page=x", ["FLUX", "broken", "lost"]),
    ],
)
def test_filters(owner, query, found):
    entry("FLUX")
    entry("broken", NOON - timedelta(hours=1), type="error", status="failed")
    entry("lost", datetime(2020, 2, 29, 0, 0, tzinfo=UTC), status="failed")
    assert titles(owner, query) == found


def test_pages_keep_the_filter(owner):
    for number in range(120):
        entry(f"number {number}", NOON - timedelta(seconds=number))
    assert titles(owner, "?status=completed&page=3") == [f"number {number}" for number in range(100, 120)]
    html = " ".join(owner.get("/activity/?status=completed&page=2").content.decode().split())
    assert "51–100 of 120" in html and "?status=completed&amp;page=3" in html


def test_under_htmx_the_log_alone_is_answered(owner):
    entry()
    answer = owner.get("/activity/?type=download", headers={"HX-Request": "true", "HX-Target": "log"})
    html = answer.content.decode()
    assert html.lstrip().startswith("<section") and 'hx-get="/activity/?type=download"' in html
    assert "HX-Request" in answer["Vary"] and "HX-Target" in answer["Vary"]


def test_what_others_wrote_is_text_and_nothing_else(owner):
    entry("<script>alert(1)</script>", subtitle="<b>", details={"<i>": "<u>", "none": None, "list": ["<s>"]})
    html = owner.get("/activity/").content.decode()
    assert not re.search(r"<script>alert|<b>|<i>|<u>|<s>", html)


def test_clearing_asks_with_the_count_and_then_deletes(owner):
    for _ in range(3):
        entry()
    asked = owner.get("/activity/clear/").content.decode()
    assert "All 3 entries" in asked and Activity.objects.count() == 3
    assert owner.post("/activity/clear/").url == "/activity/"
    assert not Activity.objects.exists()
    assert [str(message) for message in owner.get("/activity/").context["messages"]] == ["3 entries deleted."]
    assert "nothing to delete" in owner.get("/activity/clear/").content.decode()


def test_an_empty_log_says_what_will_stand_here(owner):
    assert "Nothing has happened yet" in owner.get("/activity/").content.decode()
    entry()
    assert "Nothing of this kind" in owner.get("/activity/?type=error").content.decode()


@pytest.mark.parametrize("path", ["/activity/", "/activity/clear/"])
def test_a_stranger_sees_nothing(client, db, path):
    assert client.get(path).url.startswith("/login/")


@pytest.mark.usefixtures("settings_read_once")
@pytest.mark.parametrize("rows", [5, 60])
def test_the_page_costs_the_same_for_many_rows(owner, django_assert_num_queries, rows):
    for number in range(rows):
        entry(str(number))
    owner.get("/activity/")
    with django_assert_num_queries(5):
        owner.get("/activity/")
