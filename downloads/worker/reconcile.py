"""What an install that stopped in the middle has on the disk: by the files, not by the last progress write."""

from __future__ import annotations

import logging

from django.db import transaction

from downloads.inventory import scan
from downloads.inventory.destinations import Destinations
from downloads.inventory.knowledge import HERE, Knowledge
from downloads.models import ENDED_FILES, DownloadFile, DownloadHistory, FileStatus
from downloads.transfer import (
    UNFENCED,
    Fence,
    Stopped,
    TransferError,
    discard_partial,
    number_in,
    partial_bytes,
    recover_replaced,
    reserved_bytes,
    take_from_earlier,
)

log = logging.getLogger(__name__)


def take_from_earlier_workers(fence: Fence) -> None:
    """Whatever an earlier holder of the lease was writing, it finds no more when it wakes up in the middle of it."""
    if not fence.number:
        return
    scan.forget()
    index = scan.models_index()
    for found in [*index.links.values(), *index.partials.values()]:
        if number_in(found.path) in {0, fence.number}:
            continue
        try:
            take_from_earlier(found.root, found.begun_below_root, fence)
        except Stopped:  # by now it is we who are the earlier one
            return
        except (OSError, TransferError) as error:
            log.warning("What another worker began of %s could not be taken over: %s", found.begun, error)


def take_stock(row: DownloadHistory, fence: Fence = UNFENCED) -> int:
    """Write down what each file of the install has on the disk; the bytes of all. Nobody may be writing to them.

    Nothing is touched when the row is another worker's by now.
    """
    if not row.own().exists():
        return row.bytes_done
    files = list(row.files.all())
    _recover_replaced(files)
    scan.forget()
    knowledge = Knowledge.gather(file.url for file in files)
    for file in files:
        if file.status in ENDED_FILES:
            continue
        if _is_published(row, file, knowledge):
            file.status, file.bytes_done = FileStatus.COMPLETED, knowledge.bytes_here(file.path)
            _forget_journal(file, fence)
        else:
            file.error = "" if file.waits_for_disk else file.error
            file.status, file.bytes_done = FileStatus.PENDING, bytes_kept(file)
        file.speed, file.connections = 0, 0
    done = sum(file.bytes_done for file in files)
    with transaction.atomic():
        if row.own().update(bytes_done=done, files_completed=sum(file.status in ENDED_FILES for file in files)):
            DownloadFile.store_all(files)
    return done


def _recover_replaced(files: list[DownloadFile]) -> None:
    places = Destinations.now()
    for file in files:
        try:
            recover_replaced(*places.of(file.path))
        except (OSError, TransferError) as error:
            log.warning("%s was not looked at: %s", file.path, error)


def _is_published(row: DownloadHistory, file: DownloadFile, knowledge: Knowledge) -> bool:
    """It got its name, but its worker died before it could say so. What a forced install replaces does not count.

    Nor does the older file that the new record was written beside, when the worker died before the rename.
    """
    expected = file.sha256 if file.pinned else ""
    return (
        not row.force
        and knowledge.state(file.path, file.url, expected) == HERE
        and knowledge.is_known(file.path, file.url)
    )


def _forget_journal(file: DownloadFile, fence: Fence) -> None:
    """It is deleted after the rename, and its worker may have died in between."""
    try:
        place = Destinations.now().of(file.path)
        if not reserved_bytes(*place):
            discard_partial(*place, fence)
    except (OSError, TransferError) as error:
        log.warning("A journal is left beside %s: %s", file.path, error)


def bytes_kept(file: DownloadFile) -> int:
    """What is on the disk of a file that is not complete."""
    try:
        return partial_bytes(*Destinations.now().of(file.path))
    except (OSError, TransferError) as error:
        # A folder that cannot be read must not keep the row from its end; a retry looks again.
        log.warning("What is left of %s cannot be seen: %s", file.path, error)
        return file.bytes_done
