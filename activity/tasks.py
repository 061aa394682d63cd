"""Once a day: entries that are older than Settings wants are deleted."""

from __future__ import annotations

import logging

from huey import crontab
from huey.contrib.djhuey import db_periodic_task

from activity.retention import prune
from settings_app import preferences

log = logging.getLogger(__name__)


@db_periodic_task(crontab(hour="3", minute="17"))
def delete_old_entries() -> None:
    days = preferences.get("activity_retention_days")
    if deleted := prune(days):
        log.info("%s activity entries older than %s days deleted", deleted, days)
