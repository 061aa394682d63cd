from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from activity.models import Activity
from tests.activity.conftest import entry

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("prune_activity", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_keeps_what_settings_say_or_what_it_is_told():
    for days in (1, 3, 40):
        entry(days_ago=days + 0.5)
    assert run() == "1 entry older than 30 days deleted\n"
    assert run("--days", "2") == "1 entry older than 2 days deleted\n"
    assert run("--days=1") == "1 entry older than 1 days deleted\n"
    assert run() == "0 entries older than 30 days deleted\n"


@pytest.mark.parametrize("days", ["0", "-1", "abc", "4000"])
def test_the_command_refuses_nonsense(days):
    entry(days_ago=400)
    with pytest.raises(CommandError):
        run(f"--days={days}")
    assert Activity.objects.count() == 1
