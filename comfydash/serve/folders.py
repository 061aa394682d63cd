"""The folder of the databases: there, ours, and writable."""

from __future__ import annotations

import errno
import logging
import os
import pwd
import sqlite3
import tempfile
from pathlib import Path

from comfydash.serve.trouble import CannotStart
from volumes.files import make_private, takes_random_writes
from volumes.locks import has_record_locks

log = logging.getLogger(__name__)


def prepare_data_dir(folder: Path) -> None:
    """Create it (0700) and write a byte into it. Raises CannotStart with the folder, who we are and what to do."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x")
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            log.warning("The disk that holds %s is full. Free some space: nothing can be saved.", folder)
            return
        raise CannotStart(
            f"The folder {folder} cannot be written ({error.strerror}) by {who_we_are()}. {_remedy(folder, error)}"
        ) from error
    check_volume(folder)


def _remedy(folder: Path, error: OSError) -> str:
    other = "set COMFYDASH_WORKSPACE to another folder."
    if error.errno in {errno.EEXIST, errno.ENOTDIR}:
        file = next((each for each in (folder, *folder.parents) if each.exists() and not each.is_dir()), folder)
        return f"{file} is a file: take it away, or set COMFYDASH_WORKSPACE or COMFYDASH_DATA_DIR to a folder."
    if error.errno not in {errno.EACCES, errno.EPERM}:
        return f"Mount it so that it can be written, or {other}"
    place = next(each for each in (folder, *folder.parents) if each.exists())
    return f"Give {place} to this user (chown -R {os.geteuid()} {place}), or {other}"


PRIVATE = ("dashboard.db*", "queue.db*", "secret_key", "notice.json", "*.lock")  # they hold or lead to secrets


def keep_private(folder: Path) -> None:
    """What holds secrets is readable by us alone, before anything is in it; also what an earlier version made."""
    for name in ("queue.db", *([] if os.environ.get("DATABASE_URL") else ["dashboard.db"])):
        _make_private(folder / name, create=True)
    for pattern in PRIVATE:
        for file in folder.glob(pattern):
            _make_private(file)


def _make_private(file: Path, *, create: bool = False) -> None:
    try:
        make_private(file, create=create)
    except OSError as error:  # a file system without modes, a file of somebody else's
        log.warning("%s may be readable by others: %s", file, error.strerror)


def check_volume(folder: Path) -> None:
    """Raises CannotStart where SQLite could not write its files, or share them between processes."""
    if os.environ.get("DATABASE_URL", "").strip() and os.environ.get("REDIS_URL", "").strip():
        return  # neither the database nor Huey's queue is a file
    try:
        if not takes_random_writes(folder):
            raise CannotStart(
                f"The volume of {folder} cannot write into the middle of a file, as a database has to. With rclone, "
                "mount it with “--vfs-cache-mode writes”; else set COMFYDASH_DATA_DIR to a folder on a local disk."
            )
        if not has_record_locks(folder):
            raise CannotStart(
                f"The volume of {folder} knows no locks at all, and without them SQLite damages its database as soon "
                "as two processes use it. Set COMFYDASH_DATA_DIR to a folder on a local disk; the models may stay."
            )
    except OSError as error:  # a full disk: said elsewhere
        log.debug("The volume was not tried: %s", error)


def who_we_are() -> str:
    try:
        return f"user {pwd.getpwuid(os.geteuid()).pw_name} (uid {os.geteuid()})"
    except KeyError:
        return f"uid {os.geteuid()}"


def remake_queue_if_broken(file: Path) -> None:
    """Huey's file holds no state (the rows are the queue), so a broken one is deleted.

    Only while no other process has it open: they would go on with a file that nobody else sees.
    """
    if not file.exists():
        return
    try:
        connection = sqlite3.connect(file, timeout=5)
        try:
            [verdict] = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.OperationalError as error:  # locked, unreadable: not broken
        log.warning("%s could not be checked: %s", file, error)
        return
    except sqlite3.DatabaseError as error:
        verdict = str(error)
    if verdict != "ok":
        log.warning("%s was broken (%s) and is made anew; no download is lost by it.", file, verdict)
        for each in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
            each.unlink(missing_ok=True)
