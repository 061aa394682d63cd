"""Working off the queue: rows left by a dead worker, then one install after the other."""

from __future__ import annotations

import logging

from downloads.models import DownloadHistory, Status
from downloads.worker import heartbeat, host_pauses
from downloads.worker.consumer import stopping
from downloads.worker.installer import discard_unwanted, run_install
from downloads.worker.lock import worker_lock
from downloads.worker.reconcile import take_stock
from values.sizes import human_size

log = logging.getLogger(__name__)


def drain_queue() -> int:
    """Run what is queued until nothing is left; the number of installs run. Returns at once while another drains."""
    ran = 0
    with worker_lock() as held:
        if not held:
            return 0
        heartbeat.working()
        try:
            _fail_downloading()
            discard_unwanted()
            while not stopping() and (row := DownloadHistory.claim_next(host_pauses.holds)):
                run_install(row)
                ran += 1
        finally:
            heartbeat.idle()
    return ran


def fail_interrupted() -> int:
    """Rows still downloading whose worker is dead become failed; their number. Does nothing while a worker lives."""
    with worker_lock() as held:
        return _fail_downloading() if held else 0


def _fail_downloading() -> int:
    rows = list(DownloadHistory.objects.filter(status=Status.DOWNLOADING))
    for row in rows:
        done = take_stock(row)
        log.warning("%s was interrupted: its worker is gone", row.preset_id)
        row.fail("interrupted", f"The worker stopped in the middle of it. Retry continues from {human_size(done)}.")
    return len(rows)
