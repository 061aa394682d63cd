"""Writing files on whatever volume: whole or not at all, durable where the volume can, private where it must be."""

from __future__ import annotations

import errno
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

# What link() answers where there are no hard links (rclone: EIO). What is done instead writes too, so it says what
# is really wrong where it was something else.
NO_LINKS = frozenset(
    {
        errno.EXDEV,
        errno.EPERM,
        errno.EACCES,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.EMLINK,
        errno.ENOSYS,
        errno.EINVAL,
        errno.ENOTTY,
        errno.EIO,
    }
)
# fsync of a folder on SMB, VirtualBox, DrvFs and others; never EIO, ENOSPC, EDQUOT, which are about the bytes.
NO_FOLDER_SYNC = frozenset(
    {
        errno.EINVAL,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.EBADF,
        errno.EACCES,
        errno.EPERM,
        errno.ENOSYS,
        errno.EISDIR,
        errno.ENOTTY,
    }
)
NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
# rename() onto a file that is there, where a volume moves to free names only.
NO_REPLACE = frozenset({errno.EEXIST, errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS, errno.EIO})
NEW, OLD = ".new", ".comfydash-old"  # endings of a draft, and of what makes room for it: nobody else's files
LEFT_OVER_SECONDS = 3600.0  # an age that no living writer's draft has
# Drafts are ".NAME.PID-8 DIGITS.new", nothing else: people have hidden files of their own beside ours.
DRAFT = re.compile(r"\..+\.(?P<pid>\d+)-[0-9a-f]{8}\.new(-journal)?")
LOCK_DRAFT = re.compile(r"\..+\.lock\.held(\..+)?\.[0-9a-f]{16}")


def sync_folder(folder: int) -> None:
    """Make renames in an open folder durable, where the volume has that."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise
        log.debug("A folder cannot be flushed there: %s", error)


def sync_file(handle: int, *, data_only: bool = False) -> None:
    """Bring a file's bytes to the platter, where the volume has that. EIO, ENOSPC and EDQUOT are raised."""
    try:
        (getattr(os, "fdatasync", os.fsync) if data_only else os.fsync)(handle)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise


def rename_over(source: str, target: str, folder: int | None = None) -> None:
    """rename() that replaces, also where a volume renames onto free names only: then what is there steps aside first.

    Names are relative to the open folder, where one is given. A kill in between leaves the old file aside, and
    ``recover`` gives it its name back.
    """
    aside = target + OLD
    try:
        os.rename(source, target, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError as error:
        if error.errno not in NO_REPLACE or not (_is_file(source, folder) and _is_file(target, folder)):
            raise
        _discard(aside, folder)
        os.rename(target, aside, src_dir_fd=folder, dst_dir_fd=folder)
        try:
            os.rename(source, target, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            try:
                os.rename(aside, target, src_dir_fd=folder, dst_dir_fd=folder)
            except FileNotFoundError:  # another process gave it its name back
                rename_over(source, target, folder)
                return
            raise
    _discard(aside, folder)  # also what a kill left of an earlier one


def recover(target: str, folder: int | None = None) -> bool:
    """Give a file its name back that stepped aside for one that never came; whether there was one. Raises OSError.

    Where the new one did come, the old one goes. Nobody may be renaming there.
    """
    if not _is_file(target + OLD, folder):
        return False
    if _is_file(target, folder):
        _discard(target + OLD, folder)
        return False
    os.rename(target + OLD, target, src_dir_fd=folder, dst_dir_fd=folder)
    return True


def _discard(name: str, folder: int | None) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:  # the new file has its name, so nothing has failed
        log.warning("%s could not be deleted: %s", name, error)


def _is_file(name: str, folder: int | None) -> bool:
    """Not a folder: that one is never moved out of the way."""
    try:
        return not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


def draft_of(file: Path) -> Path:
    """A new name beside it that nobody has, which ``sweep_drafts`` knows for one of ours."""
    return file.with_name(f".{file.name}.{os.getpid()}-{secrets.token_hex(4)}{NEW}")


def write_whole(file: Path, data: bytes, *, mode: int = 0o600, durable: bool = False) -> None:
    """Replace a small file; whatever happens it is the old or the new one, and no draft stays. Raises OSError.

    A file that is there keeps its mode, a new one gets ``mode`` less the umask.
    """
    draft = draft_of(file)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as out:
            out.write(data)
            out.flush()
            with suppress(OSError):  # nothing there yet, or a volume without modes
                os.fchmod(out.fileno(), file.stat().st_mode & 0o777 if mode & 0o077 else mode)
            if durable:
                sync_file(out.fileno())
        rename_over(str(draft), str(file))
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    if durable:
        handle = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            sync_folder(handle)
        finally:
            os.close(handle)


def create_new(file: Path, data: bytes, *, mode: int = 0o666) -> None:
    """A file that was not there: FileExistsError when it is. Whole wherever the volume has hard links."""
    draft = draft_of(file)
    try:
        _write_excl(draft, data, mode)
        try:
            os.link(draft, file)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            _write_excl(file, data, mode)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _write_excl(file: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
    except OSError:  # a full disk must not leave half a file under its final name
        file.unlink(missing_ok=True)
        raise


def takes_random_writes(folder: Path) -> bool:
    """Whether files there can be written in any order, as a database has to. Raises OSError if nothing can be."""
    probe = folder / f".locks.{secrets.token_hex(4)}"
    descriptor = os.open(probe, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(descriptor, b"last", 8192)
        os.pwrite(descriptor, b"first", 0)
        return os.pread(descriptor, 5, 0) == b"first"
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise
        log.debug("No random writes in %s: %s", folder, error)
        return False
    finally:
        with suppress(OSError):  # what it says only now
            os.close(descriptor)
        probe.unlink(missing_ok=True)


def keeps_modes(folder: Path) -> bool:
    """Whether a file there can be for us alone; true where that cannot be tried."""
    probe = folder / f".locks.{secrets.token_hex(4)}"
    try:
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.close(descriptor)
        try:
            return not probe.stat().st_mode & 0o077
        finally:
            probe.unlink()
    except OSError:
        return True


def make_private(file: Path, *, create: bool = False) -> None:
    """Readable by us alone, before anything is in it; one that is not there only when asked for. Raises OSError."""
    if create and not file.exists():
        _create_empty(file)
    with suppress(FileNotFoundError):
        if file.stat().st_mode & 0o077:
            file.chmod(0o600)


def _create_empty(file: Path) -> None:
    """Without opening it where the system can: closing a file that SQLite has open drops all locks of this process.

    Source: fcntl(2), "advisory record locking"; "How to corrupt an SQLite database file", section 2.2.
    """
    with suppress(FileExistsError):
        try:
            os.mknod(file, stat.S_IFREG | 0o600)
        except FileExistsError:
            raise
        except OSError:  # a volume or a system without mknod for ordinary files
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def sweep_drafts(folders: Iterable[Path], older: Iterable[str] = ()) -> int:
    """Delete what killed writers left in these folders; the number. ``older``: how drafts of earlier versions begin.

    Drafts of a process that lives on this machine stay, unless they are older than any writing takes. A file that
    stepped aside gets its name back.
    """
    swept, prefixes = 0, tuple(older)
    for folder in folders:
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            with suppress(OSError):
                if not entry.is_file(follow_symlinks=False):
                    continue
                if entry.name.endswith(OLD):
                    recover(entry.path.removesuffix(OLD))
                elif _is_left_over(entry, prefixes):
                    Path(entry.path).unlink()
                    swept += 1
    return swept


def _is_left_over(entry: os.DirEntry[str], older: tuple[str, ...]) -> bool:
    draft = DRAFT.fullmatch(entry.name)
    of_a_lock = LOCK_DRAFT.fullmatch(entry.name)
    if not (draft or of_a_lock or (older and entry.name.startswith(older))):
        return False
    if time.time() - entry.stat(follow_symlinks=False).st_mtime > LEFT_OVER_SECONDS:
        return True
    return not of_a_lock and not (draft and Path(f"/proc/{draft['pid']}").exists())
