"""The log forgets in time."""

import pytest

from activity import retention
from activity.models import Activity
from tests.activity.conftest import entry

pytestmark = pytest.mark.django_db


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
