"""What Huey runs. Tasks carry no arguments: losing or repeating one costs nothing."""

from __future__ import annotations

from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task, on_startup

from downloads.worker import drain, heartbeat, parked, standby
from downloads.worker.consumer import stop_flag


@db_task()
def drain_queue() -> None:
    drain.drain_queue()


@db_periodic_task(crontab(minute="*"))
def look_at_the_queue() -> None:
    """Once a minute, whatever was lost: parked installs first, then the queue."""
    parked.look_again()
    drain.drain_queue()


@db_task()
def look_again_now() -> None:
    """A person changed something that installs may have waited for: a token was saved, space was freed."""
    parked.look_again(now=True)


_started = False


@on_startup()
def begin() -> None:
    """Each worker thread calls this; the first one starts the heartbeat and the first drain."""
    global _started
    if _started:
        return
    _started = True
    heartbeat.start(stop_flag())
    standby.start(stop_flag())
    drain_queue()
