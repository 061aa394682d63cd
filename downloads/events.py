"""What the dashboards are told. Events are hints: whoever reads one looks at the rows for the truth."""

from __future__ import annotations

from django.db import transaction

import extension_points
from activity.events import broadcast
from activity.socket_messages import EndNews


def queue_updated() -> None:
    """The consumer adds current, queue and items when it sends this on."""
    broadcast({"type": "queue_updated"})


def download_ended(news: EndNews) -> None:
    broadcast(news)
    queue_updated()


def wake_worker() -> None:
    """Ask a worker to look at the rows, once the change that it is to find is committed."""
    for wake in extension_points.wake_ups:
        # robust: a queue file that cannot be written is logged; the worker looks by itself once a minute.
        transaction.on_commit(wake, robust=True)
