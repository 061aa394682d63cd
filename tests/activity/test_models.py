"""The log is written, and told of after the commit."""

from typing import Any

import pytest
from django.db import transaction

from activity import events
from activity.models import Activity

pytestmark = pytest.mark.django_db


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
