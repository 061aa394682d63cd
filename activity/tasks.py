"""Once a day: entries that are older than Settings wants are deleted."""

from __future__ import annotations

import logging

from huey import crontab
from huey.contrib.djhuey import db_periodic_task

from activity import retention

log = logging.getLogger(__name__)


@db_periodic_task(crontab(hour="3", minute="17"))
def delete_old_entries() -> None:
    days = retention.days()
    if deleted := retention.prune(days):
        log.info("%s activity entries older than %s days deleted", deleted, days)
