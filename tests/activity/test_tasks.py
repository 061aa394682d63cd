from datetime import timedelta

import pytest
from django.utils import timezone

from activity.models import Activity
from activity.tasks import delete_old_entries
from settings_app import preferences

pytestmark = pytest.mark.django_db


def entry(days_ago: float = 0, **fields: object) -> Activity:
    made = {"type": "download", "status": "completed", "title": "FLUX installed", **fields}
    return Activity.objects.create(created_at=timezone.now() - timedelta(days=days_ago), **made)


def test_the_daily_task_keeps_what_settings_say():
    preferences.store("activity_retention_days", 7)
    Activity.objects.all().delete()
    entry(days_ago=8)
    entry(days_ago=6)
    delete_old_entries.call_local()
    assert Activity.objects.count() == 1
