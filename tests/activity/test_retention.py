"""Writing the log, telling of it, and forgetting in time."""

from datetime import timedelta

import pytest
from django.utils import timezone

from activity import retention
from activity.models import Activity

pytestmark = pytest.mark.django_db


def entry(days_ago: float = 0, **fields: object) -> Activity:
    made = {"type": "download", "status": "completed", "title": "FLUX installed", **fields}
    return Activity.objects.create(created_at=timezone.now() - timedelta(days=days_ago), **made)


def test_prune_deletes_what_is_older():
    entry(days_ago=31)
    kept = entry(days_ago=29)
    assert retention.prune(30) == 1
    assert list(Activity.objects.all()) == [kept]


def test_prune_never_deletes_everything():
    entry()
    with pytest.raises(ValueError, match="at least 1 day"):
        retention.prune(0)
    assert Activity.objects.count() == 1
