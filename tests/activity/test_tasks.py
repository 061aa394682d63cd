import pytest

from activity.models import Activity
from activity.tasks import delete_old_entries
from settings_app import preferences
from tests.activity.conftest import entry

pytestmark = pytest.mark.django_db


def test_the_daily_task_keeps_what_settings_say():
    preferences.store("activity_retention_days", 7)
    Activity.objects.all().delete()
    entry(days_ago=8)
    entry(days_ago=6)
    delete_old_entries.call_local()
    assert Activity.objects.count() == 1
