"""Writing the log, and telling of it."""

import logging
from typing import Any

import pytest
from channels.exceptions import ChannelFull

from activity import events
from activity.models import Activity

pytestmark = pytest.mark.django_db


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
