"""Complete files get their names, several at a time: recorded in one transaction, renamed, each folder synced once.

The record comes first because a kill between rename and record would leave a file that nobody vouches for; a record
without its file says nothing, since every reader compares it with the disk. Where an older file stands, the record
vouches for nothing until the new one has its name.
"""

from __future__ import annotations

import threading

from django.db import transaction

from activity.database_clock import database_now
from downloads.file_records import ModelFile
from downloads.inventory.destinations import Destination
from downloads.inventory.state import PENDING
from downloads.models import DownloadFile
from downloads.transfer import Arrived, Stopped, TransferError, stat_confined, sync_folders
from downloads.worker.db_retry import while_locked
from downloads.worker.install_state import InstallState


class Asking:
    """A file's thread asks for its name, and waits for the answer."""

    def __init__(self, file: DownloadFile, place: Destination, arrived: Arrived) -> None:
        self.file, self.place, self.arrived = file, place, arrived
        self._answered = threading.Event()
        self._named = False
        self._error: Exception | None = None

    def wait(self) -> bool:
        """Whether it has its name. Raises what giving it failed with."""
        self._answered.wait()
        if self._error:
            raise self._error
        return self._named

    def answer(self, named: bool, error: Exception | None = None) -> None:
        self._named, self._error = named, error
        self._answered.set()


def name_files(state: InstallState, asking: list[Asking]) -> None:
    """Answers each. Raises DatabaseError; then none has its name, and those who wait are to be told so."""
    try:
        _name_files(state, asking)
    finally:
        for one in asking:
            if not one._answered.is_set():
                one.answer(False)


def _name_files(state: InstallState, asking: list[Asking]) -> None:
    replacing = {one for one in asking if stat_confined(*one.place) is not None}
    if not while_locked(lambda: _record_if_wanted(state, asking, replacing)):
        return
    named = [one for one in asking if _rename(one)]
    try:
        sync_folders(one.arrived.folder for one in named)
    except (OSError, TransferError) as error:
        for one in named:
            one.answer(False, error)
    named = [one for one in named if not one._answered.is_set()]
    failed = [one.file.path for one in asking if one not in named]
    if failed or replacing:
        state.while_ours(lambda: _correct(named, replacing, failed))
    for one in named:
        one.answer(True)


def _record_if_wanted(state: InstallState, asking: list[Asking], replacing: set[Asking]) -> bool:
    """Is the install still wanted? Then write down what will stand there."""
    with transaction.atomic():
        if not state.row.beat():
            return False
        now = database_now()
        ModelFile.record(
            ModelFile(
                path=one.file.path,
                size=one.arrived.result.size,
                mtime_ns=PENDING if one in replacing else one.arrived.result.mtime_ns,
                sha256=one.arrived.result.sha256,
                url=one.file.url,
                etag=one.arrived.result.etag,
                commit=one.arrived.result.commit,
                installed_at=now,
            )
            for one in asking
        )
    return True


def _rename(one: Asking) -> bool:
    try:
        one.arrived.rename()
    except (TransferError, OSError, Stopped) as error:
        one.answer(False, error)
        return False
    return True


def _correct(named: list[Asking], replacing: set[Asking], failed: list[str]) -> None:
    """What replaced something is vouched for from now on, and not what found something in the way of its name."""
    for one in named:
        if one in replacing:
            result = one.arrived.result
            ModelFile.renew(one.file.path, result.size, result.mtime_ns, result.sha256, one.file.url)
    ModelFile.objects.filter(path__in=failed).update(mtime_ns=PENDING)
