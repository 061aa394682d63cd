"""Once a day: what has expired is deleted."""

from __future__ import annotations

from django.contrib.sessions.backends.db import SessionStore
from huey import crontab
from huey.contrib.djhuey import db_periodic_task

from settings_app import login_links, login_throttle


@db_periodic_task(crontab(hour="3", minute="27"))
def delete_expired() -> None:
    SessionStore.clear_expired()
    login_links.prune()
    login_throttle.prune()
