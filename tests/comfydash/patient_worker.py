"""A Huey worker whose one task runs until it is asked to stop, or, if it is stubborn, for ever.

usage: python -m tests.comfydash.patient_worker QUEUE_FILE patient|stubborn
"""

from __future__ import annotations

import sys
import time

from downloads.worker.consumer import SqliteWorkerHuey, stopping

huey = SqliteWorkerHuey(filename=sys.argv[1])
stubborn = sys.argv[2] == "stubborn"


@huey.task()  # type: ignore[untyped-decorator]
def install() -> None:
    print("started", flush=True)
    while stubborn or not stopping():
        time.sleep(0.02)
    print("gave back its row", flush=True)


if __name__ == "__main__":
    install()
    huey.create_consumer(workers=2, max_delay=0.5, graceful_signal="TERM", shutdown_timeout=4).run()
    print("ended", flush=True)
