"""The worker process: Huey's consumer, whose stop flag a running install can look at."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from huey import RedisHuey, SqliteHuey
from huey.consumer import Consumer

from downloads.worker.redis_queue import RedisQueue
from downloads.worker.sqlite_queue import SqliteQueue
from volumes.files import make_private

POLL_SECONDS = 0.3  # seconds between two looks for a signal: so much later a stop begins
_stop = threading.Event()  # outside a consumer (tests, commands) nobody sets it


def stopping() -> bool:
    """True once this worker was asked to end: an install is to give its row back and return."""
    return _stop.is_set()


def stop_flag() -> threading.Event:
    """The consumer's own flag in a worker, one that is never set elsewhere."""
    return _stop


def _remember(consumer: Consumer) -> Consumer:
    global _stop
    _stop = consumer.stop_flag
    consumer._stop_flag_timeout = POLL_SECONDS  # Huey's own 0.1 s is half of what an idle worker costs
    if threading.current_thread() is threading.main_thread():
        consumer._set_signal_handlers()  # Huey does so once its threads run: a SIGTERM before that would just kill
    return consumer


class SqliteWorkerHuey(SqliteHuey):
    storage_class = SqliteQueue

    def __init__(self, *args: Any, **options: Any) -> None:
        with suppress(OSError):  # a volume without modes
            make_private(Path(options["filename"]), create=True)
        super().__init__(*args, **options)

    def create_consumer(self, **options: Any) -> Consumer:
        consumer = _remember(super().create_consumer(**options))
        self.storage.work()
        return consumer


class RedisWorkerHuey(RedisHuey):
    storage_class = RedisQueue

    def create_consumer(self, **options: Any) -> Consumer:
        consumer = _remember(super().create_consumer(**options))
        self.storage.work_for(consumer.stop_flag)
        return consumer
