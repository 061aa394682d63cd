"""A copy of the database while it is in use, by SQLite's online backup."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from comfydash.recovery.database import explain
from volumes.files import NO_LINKS, draft_of, sweep_drafts, sync_file


class BackupError(Exception):
    pass


def back_up(source: Path, target: Path) -> Path:
    """Copy source to target (a file, or a folder in which one is named by the time), check the copy, return its path.

    Never overwrites. The copy is complete or not there. Raises BackupError.
    """
    if target.is_dir():
        target = target / f"dashboard-{datetime.now(UTC):%Y%m%dT%H%M%S}.db"
    if target.exists():
        raise BackupError(f"{target} exists already, and a backup is never overwritten. Choose another name.")
    if not source.exists():
        raise BackupError(f"There is no database at {source} yet: start ComfyDash once.")
    draft = draft_of(target)
    sweep_drafts([target.parent])  # whole databases, of backups that were killed
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # it holds the Hub token
        _copy(source, draft)
        _publish(draft, target)
    except sqlite3.Error as error:
        raise BackupError(explain(error, source)) from error
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror}. Choose a folder that can.") from error
    finally:
        for left in (draft, draft.with_name(f"{draft.name}-journal")):
            left.unlink(missing_ok=True)
    return target


def _copy(source: Path, draft: Path) -> None:
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=20)) as database,
        closing(sqlite3.connect(draft)) as copy,
    ):
        database.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, wherever it is moved to
        verdict = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise BackupError(f"The copy is not sound ({verdict}), so it was not kept. Start ComfyDash again: it repairs.")
    with draft.open("rb+") as written:
        sync_file(written.fileno())


def _publish(draft: Path, target: Path) -> None:
    try:
        os.link(draft, target)  # unlike rename, this cannot replace what appeared meanwhile
    except FileExistsError as error:
        raise BackupError(f"{target} exists already, and a backup is never overwritten.") from error
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        draft.rename(target)
