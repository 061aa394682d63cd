"""Writing the log, telling of it, and forgetting in time."""

import logging
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from channels.exceptions import ChannelFull
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from activity import events, retention
from activity.models import Activity
from activity.tasks import delete_old_entries
from settings_app import preferences

pytestmark = pytest.mark.django_db


def entry(days_ago: float = 0, **fields: object) -> Activity:
    made = {"type": "download", "status": "completed", "title": "FLUX installed", **fields}
    return Activity.objects.create(created_at=timezone.now() - timedelta(days=days_ago), **made)


@pytest.fixture
def sent(monkeypatch) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    class Layer:
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            assert group == "dashboard" and message["type"] == "dashboard.event"
            sent.append(message["event"])

    monkeypatch.setattr(events, "get_channel_layer", Layer)
    return sent


@pytest.mark.django_db(transaction=True)
def test_an_entry_is_written_and_told_of_after_the_commit(sent):
    with transaction.atomic():
        written = Activity.log("download", "started", "FLUX", "2 files, 24 GB", preset_id="flux", bytes=24)
        assert sent == []
    written.refresh_from_db()
    assert (written.title, written.subtitle, written.details) == (
        "FLUX",
        "2 files, 24 GB",
        {"preset_id": "flux", "bytes": 24},
    )
    assert sent == [
        {
            "type": "activity",
            "id": written.pk,
            "activity_type": "download",
            "status": "started",
            "title": "FLUX",
            "subtitle": "2 files, 24 GB",
            "created_at": written.created_at.isoformat(),
        }
    ]


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_not_told(sent):
    with pytest.raises(RuntimeError), transaction.atomic():
        Activity.log("download", "started", "FLUX")
        raise RuntimeError
    assert sent == [] and not Activity.objects.exists()


def test_texts_that_do_not_fit_are_cut():
    written = Activity.log("error", "failed", "t\x00" + "x" * 300, "s" * 900)
    assert len(written.title) == 200 and written.title.startswith("tx") and written.title.endswith("…")
    assert len(written.subtitle) == 500


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [ChannelFull(), OSError("no socket"), RuntimeError("shutting down")])
def test_an_event_that_cannot_be_sent_fails_nothing(monkeypatch, caplog, error):
    class Broken:
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            raise error

    monkeypatch.setattr(events, "get_channel_layer", Broken)
    with caplog.at_level(logging.DEBUG, logger="activity"):
        Activity.log("preset", "completed", "refreshed")
    assert [record.levelname for record in caplog.records if record.name == "activity.events"] == ["DEBUG"]


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


def test_the_daily_task_keeps_what_settings_say():
    preferences.store("activity_retention_days", 7)
    Activity.objects.all().delete()
    entry(days_ago=8)
    entry(days_ago=6)
    delete_old_entries.call_local()
    assert Activity.objects.count() == 1


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
