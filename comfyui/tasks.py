"""The poller lives in the worker process: it begins and ends with it."""

from __future__ import annotations

from huey import crontab
from huey.contrib.djhuey import on_shutdown, on_startup, periodic_task

from comfyui import poller
from downloads.worker.consumer import stop_flag


@on_startup(name="comfyui")
def begin() -> None:
    """Each worker thread calls this; the first one starts the poller."""
    poller.start(stop_flag())


@on_shutdown(name="comfyui")
def end() -> None:
    poller.wait_for_end(1.0)


@periodic_task(crontab(minute="*"))
def keep_watching() -> None:
    """Should the poller have died of something unforeseen, the next minute begins with a new one."""
    poller.start(stop_flag())
