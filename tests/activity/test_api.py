"""/api/activity as scripts use it."""

from datetime import UTC, datetime, timedelta

import pytest

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


def test_the_newest_come_first_and_total_counts_all_that_match(owner):
    entries(30)
    entries(2, type="error", title="broken")
    answer = owner.get("/api/activity/recent").json()
    assert len(answer["activities"]) == 20 and answer["total"] == 32
    assert answer["activities"][0]["title"] == "29"
    answer = owner.get("/api/activity/recent?limit=1&activity_type=error").json()
    (one,) = answer["activities"]
    assert answer["total"] == 2
    assert one == {
        "id": one["id"],
        "type": "error",
        "status": "completed",
        "title": "broken",
        "subtitle": "",
        "details": {},
        "created_at": "2026-01-01T00:00:00Z",
    }


@pytest.mark.parametrize("letter", ["x", "ü"])
def test_the_newest_that_fit_are_told_however_long_they_are(owner, letter):
    entries(1000, subtitle=letter * 500, details={"error": letter * 400})

    answer = owner.get("/api/activity/recent?limit=1000")

    told = [entry["id"] for entry in answer.json()["activities"]]
    assert len(answer.content) < 300_000
    assert told == list(Activity.objects.values_list("pk", flat=True)[: len(told)])
    assert len(told) > 50
    assert answer.json()["total"] == 1000


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=1001", "limit=x", "activity_type=" + "x" * 50])
def test_a_bad_question_is_400(owner, query):
    assert owner.get(f"/api/activity/recent?{query}").status_code == 400


def test_an_unknown_type_has_no_entries(owner):
    entries(1)
    assert owner.get("/api/activity/recent?activity_type=nope").json() == {"activities": [], "total": 0}


def test_clear_says_how_many(owner):
    entries(5)
    assert owner.post("/api/activity/clear").json() == {"status": "ok", "deleted": 5}
    assert owner.get("/api/activity/clear").status_code == 405


@pytest.mark.parametrize(("method", "path"), [("GET", "recent"), ("GET", "export"), ("POST", "clear")])
def test_a_stranger_gets_nothing(client, db, method, path):
    assert client.generic(method, f"/api/activity/{path}").status_code == 401
