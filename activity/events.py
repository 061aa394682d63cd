"""Events to the open dashboards: hints that something changed. The rows stay the truth."""

from __future__ import annotations

import logging

from asgiref.sync import async_to_sync
from channels.exceptions import ChannelFull
from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

from activity.socket_messages import News

GROUP = "dashboard"
log = logging.getLogger(__name__)


def broadcast(event: News) -> None:
    """Send event to every open dashboard after the current transaction commits; at once where there is none.

    Never raises: a lost event delays a screen until the next heartbeat, and that must not fail the change it tells of.
    """
    transaction.on_commit(lambda: _send(event), robust=True)


def _send(event: News) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(layer.group_send)(GROUP, {"type": "dashboard.event", "event": event})
    except (OSError, RuntimeError, ChannelFull, RedisError) as error:
        # RuntimeError: called on the event loop's own thread, or while the interpreter goes down.
        log.debug("Event %s was not delivered: %s", event.get("type"), error)
