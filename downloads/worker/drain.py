"""Working off the queue: rows left by a dead worker, then one install after the other."""

from __future__ import annotations

import logging

import extension_points
from downloads.models import DownloadFile, DownloadHistory, Status
from downloads.transfer import Fence
from downloads.worker import heartbeat, host_pauses
from downloads.worker.consumer import stopping
from downloads.worker.installer import discard_unwanted, run_install
from downloads.worker.lock import is_left_from_before, worker_lock
from downloads.worker.reconcile import take_from_earlier_workers, take_stock
from downloads.workers import WorkerLease
from values.sizes import human_size

log = logging.getLogger(__name__)


def drain_queue() -> int:
    """Run what is queued until nothing is left; the number of installs run. Returns at once while another drains."""
    ran = 0
    if not _has_work() or _is_kept_back():  # a lease is not taken in vain: its number is in names
        return ran
    with worker_lock() as fence:
        if fence is None:
            return 0
        heartbeat.working()
        try:
            _fail_downloading(fence)
            discard_unwanted(fence)
            while not stopping() and fence.holds() and not _is_kept_back():
                row = DownloadHistory.claim_next(host_pauses.holds, fence.number)
                if row is None:
                    break
                run_install(row, fence)
                ran += 1
        finally:
            heartbeat.idle()
    return ran


def is_waited_for() -> bool:
    """Whether there is work, and the lease is free or was this worker's before it was killed."""
    return _has_work() and (WorkerLease.is_free() or is_left_from_before())


def _has_work() -> bool:
    rows = DownloadHistory.objects.filter(status__in=[Status.QUEUED, Status.DOWNLOADING])
    return rows.exists() or DownloadFile.objects.filter(discard=True).exists()


def _is_kept_back() -> bool:
    return any(obstacle() for obstacle in extension_points.obstacles)


def fail_interrupted() -> int:
    """Rows still downloading whose worker is dead become failed; their number. Does nothing while a worker lives."""
    with worker_lock() as fence:
        return 0 if fence is None else _fail_downloading(fence)


def _fail_downloading(fence: Fence) -> int:
    take_from_earlier_workers(fence)
    rows = [row for row in DownloadHistory.objects.filter(status=Status.DOWNLOADING) if row.take_over(fence.number)]
    for row in rows:
        done = take_stock(row, fence)
        log.warning("%s was interrupted: its worker is gone", row.preset_id)
        row.fail("interrupted", f"The worker stopped in the middle of it. Retry continues from {human_size(done)}.")
    return len(rows)
