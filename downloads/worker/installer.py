"""Running one install from its claim to its end."""

from __future__ import annotations

import logging

from django.db import DatabaseError, InterfaceError

from activity.models import Activity
from downloads.inventory import scan
from downloads.inventory.destinations import Destinations
from downloads.inventory.free_space import missing_space
from downloads.models import WAITING_REASONS, DownloadFile, DownloadHistory, Status
from downloads.transfer import UNFENCED, Fence, Session, Stopped, TransferError, discard_partial
from downloads.transfer_options import OptionsOfNow
from downloads.worker.ask_hosts import ask_hosts, check_space
from downloads.worker.bring_files import Bringing
from downloads.worker.consumer import stopping
from downloads.worker.db_retry import is_away, while_locked
from downloads.worker.install_state import InstallState
from downloads.worker.look_around import Surroundings
from downloads.worker.progress import InstallProgress
from downloads.worker.reconcile import take_stock
from downloads.workers import WorkerLease

log = logging.getLogger(__name__)


def run_install(row: DownloadHistory, fence: Fence = UNFENCED) -> None:
    """Bring the files of a claimed row and move the row to where it ends. Raises nothing."""
    try:
        _run(row, fence)
    except (DatabaseError, InterfaceError) as error:
        # Its end cannot be written down. The row still says downloading, so the next drain finds it interrupted.
        log.error("How %s ended could not be stored: %s", row.preset_id, error)
    finally:
        scan.changed()


class Install:
    """One claimed row from its first look at the disk to its last file."""

    def __init__(self, row: DownloadHistory, fence: Fence = UNFENCED) -> None:
        self.state = InstallState(row, fence)
        self.progress = InstallProgress(self.state)
        self.options = OptionsOfNow(fence)

    def run(self) -> None:
        """Raises Stopped, TransferError and DatabaseError."""
        state, surroundings = self.state, Surroundings(self.state, self.progress)
        with Session(self.options.now()) as session:
            todo = surroundings.look()
            todo = ask_hosts(state, surroundings, session, todo)
            todo = surroundings.leave_conflicts(todo)
            check_space(state)
            Bringing(state, self.progress, session, self.options).run(todo)
        scan.changed()  # before anybody is told of the end and looks
        if while_locked(state.row.complete) and state.warnings:
            state.while_ours(self._report_warnings)

    def _report_warnings(self) -> None:
        row = self.state.row
        for warning in dict.fromkeys(self.state.warnings):
            Activity.log("download", "warning", row.title, warning, download_id=row.pk)


def _run(row: DownloadHistory, fence: Fence) -> None:
    """Raises DatabaseError when the end of the install cannot be stored."""
    install = while_locked(lambda: Install(row, fence))
    try:
        install.run()
    except Stopped:
        _stopped(row, fence, anew=install.state.anew)
    except TransferError as refusal:
        if fence.holds():
            _refused(row, refusal)
        else:  # cut off from the database, and maybe from the hosts: others see better
            _stopped(row, fence, anew=True)
    except Exception as error:  # the one broad catch: whatever happens in one install, the queue goes on
        if is_away(error):
            log.warning("The database went away while %s was installed; it begins anew: %s", row.preset_id, error)
            _stopped(row, fence, anew=True)
            return
        log.exception("Installing %s broke", row.preset_id)
        sentence = "Something broke that should not have; the log has the details. Retry continues from the bytes here."
        if while_locked(lambda: row.fail("error", sentence)):
            Activity.log("error", "failed", f"Installing “{row.title}” broke", "See the log.", download_id=row.pk)


def _stopped(row: DownloadHistory, fence: Fence, *, anew: bool) -> None:
    """The row is no longer ours to download, or this worker was asked to stop, lost its lease, or is to begin anew."""
    while_locked(lambda: take_stock(row, fence))
    if stopping() or anew or not fence.holds():
        while_locked(row.give_back)
    while_locked(lambda: discard_unwanted(fence))


def _refused(row: DownloadHistory, refusal: TransferError) -> None:
    end = row.park if refusal.reason in WAITING_REASONS else row.fail
    moved = while_locked(lambda: end(refusal.reason, str(refusal)))
    if moved and refusal.reason == "disk_full" and missing_space(row) > 0:
        # The figures agree with the refusal, so as soon as they change it goes on; else it is tried from time to time.
        row.own().filter(status=Status.WAITING).update(checked_at=None)


def discard_unwanted(fence: Fence = UNFENCED) -> None:
    """Throw away what was cancelled with keep_partial=false, now that nobody writes to it."""
    unwanted = DownloadFile.objects.filter(discard=True).select_related("download")
    for file in unwanted:
        if not fence.holds():
            return
        still_wanted = DownloadFile.objects.filter(
            path=file.path, discard=False, download__status__in=["queued", "paused", "waiting"]
        )
        if not still_wanted.exists():
            try:
                discard_partial(*Destinations.now().of(file.path), fence)
            except (TransferError, OSError) as refusal:  # the queue goes on; Storage shows what is left
                log.warning("What was fetched of %s could not be deleted: %s", file.path, refusal)
        DownloadFile.objects.filter(WorkerLease.unbroken(fence.number), pk=file.pk).update(discard=False, bytes_done=0)
