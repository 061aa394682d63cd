"""Files below a folder, reached component by component, so that no symlink leads out of it.

Every step is relative to a directory handle and opened with O_NOFOLLOW: what was checked is what is used, even when
somebody swaps a folder for a symlink in between. Symlinks that stay inside are followed by hand.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from volumes.files import NO_LINKS
from webclient.errors import TransferError

MAX_LINKS = 16
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def folder_confined(root: Path, path: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
    """A handle of the folder that holds `path`, and the last name.

    Raises TransferError (forbidden_path, not_writable) and FileNotFoundError when a folder is missing.
    """
    names = parts_of(path)
    walk = _Walk(root, create)
    try:
        walk.enter(names[:-1])
        yield walk.here, names[-1]
    finally:
        walk.close()


class _Walk:
    """A stack of open folders from the root to where we are."""

    def __init__(self, root: Path, create: bool) -> None:
        self.root = root
        self.create = create
        self.links = 0
        # The root is the owner's choice and may be a symlink itself.
        try:
            self.stack = [os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]
        except NotADirectoryError:
            raise TransferError(f"{root} is not a folder. Check the models folder.", reason="not_writable") from None

    @property
    def here(self) -> int:
        return self.stack[-1]

    def enter(self, names: list[str]) -> None:
        for name in names:
            if name == "..":
                self._up()
            elif name not in {"", "."}:
                self._down(name)

    def _up(self) -> None:
        if len(self.stack) == 1:
            raise _outside(self.root)
        os.close(self.stack.pop())

    def _down(self, name: str) -> None:
        if self.create:
            with suppress(FileExistsError), writing(self.root / name):
                os.mkdir(name, 0o777, dir_fd=self.here)
        try:
            self.stack.append(os.open(name, FOLDER, dir_fd=self.here))
        except OSError as error:
            if error.errno not in {errno.ELOOP, errno.ENOTDIR}:
                raise
            self._follow(name)

    def _follow(self, name: str) -> None:
        """A symlink, or a file where a folder should be."""
        try:
            target = os.readlink(name, dir_fd=self.here)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            sentence = f"“{name}” in the models folder is a file where a folder is needed. Move it away, then retry."
            raise TransferError(sentence, reason="path_conflict") from None
        self.links += 1
        if self.links > MAX_LINKS:
            raise _outside(self.root)
        if target.startswith("/"):
            target = self._inside(target)
            while len(self.stack) > 1:
                os.close(self.stack.pop())
        self.enter(target.split("/"))

    def _inside(self, target: str) -> str:
        """An absolute target, relative to the root, when it lies below it by its own words."""
        for root in (self.root.absolute(), self.root.resolve()):
            with suppress(ValueError):
                return str(Path(os.path.normpath(target)).relative_to(root))
        raise _outside(self.root)

    def close(self) -> None:
        for handle in self.stack:
            os.close(handle)


def open_confined(root: Path, path: str, flags: int, *, create_folders: bool = False) -> int:
    """A file descriptor; the last name is never followed when it is a symlink. Regular files only."""
    with folder_confined(root, path, create=create_folders) as (folder, name), writing(root / path):
        try:
            # O_NONBLOCK: a FIFO put there must not hang us; it means nothing for regular files.
            handle = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o666, dir_fd=folder)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise TransferError(
                    f"{path} is a symlink. Remove it, or choose another place.", reason="path_conflict"
                ) from None
            if error.errno in {errno.EISDIR, errno.ENXIO}:
                raise _in_the_way(path) from None
            raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _in_the_way(path)
    return handle


def stat_confined(root: Path, path: str) -> os.stat_result | None:
    """The lstat of what stands at path, or None."""
    try:
        with folder_confined(root, path) as (folder, name):
            return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def delete_confined(root: Path, path: str) -> bool:
    """Unlink a file (or a symlink itself, never its target); False when there is none."""
    try:
        with folder_confined(root, path) as (folder, name), writing(root / path):
            os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    except IsADirectoryError:
        raise _in_the_way(path) from None
    return True


def move_confined(root: Path, source: str, target: str, *, replace: bool = False) -> None:
    """Rename within the root, folders of the target made. TransferError(path_conflict) when something is there."""
    with (
        folder_confined(root, source) as (source_folder, source_name),
        folder_confined(root, target, create=True) as (target_folder, target_name),
        writing(root / target),
    ):
        if not replace and _exists(target_name, target_folder):
            raise _in_the_way(target)
        os.rename(source_name, target_name, src_dir_fd=source_folder, dst_dir_fd=target_folder)


def link_confined(root: Path, source: str, target: str) -> str:
    """Give a file a second name: "hard" link, else "symbolic" (relative, inside the root); says which it became."""
    with (
        folder_confined(root, source) as (source_folder, source_name),
        folder_confined(root, target, create=True) as (target_folder, target_name),
        writing(root / target),
    ):
        if not stat.S_ISREG(os.stat(source_name, dir_fd=source_folder, follow_symlinks=False).st_mode):
            raise TransferError(f"{source} is no regular file and cannot be linked.", reason="path_conflict")
        try:
            os.link(source_name, target_name, src_dir_fd=source_folder, dst_dir_fd=target_folder, follow_symlinks=False)
            return "hard"
        except FileExistsError:
            raise _in_the_way(target) from None
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
        way = os.path.relpath(Path("/", source), Path("/", target).parent)
        try:
            os.symlink(way, target_name, dir_fd=target_folder)
        except OSError as error:
            if error.errno not in NO_LINKS - {errno.EXDEV, errno.EACCES}:
                raise
            sentence = f"The volume of {root} knows no links, so each name needs its own copy. Nothing was changed."
            raise TransferError(sentence, reason="not_writable") from error
        return "symbolic"


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn what file systems say into sentences: full, read-only, no permission, broken, gone."""
    try:
        yield
    except OSError as error:
        if refusal := storage_refusal(error, place):
            raise refusal from error
        raise


def storage_refusal(error: OSError, place: Path) -> TransferError | None:
    """The TransferError for a failed write, or None when the error says nothing about the storage."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        what = "quota of the volume is used up" if error.errno == errno.EDQUOT else "disk is full"
        return TransferError(
            f"The {what}. Delete something on the Storage page; the bytes fetched so far are kept.",
            reason="disk_full",
        )
    why = {
        errno.EROFS: "is read-only. Mount it writable",
        errno.EACCES: "may not be written by this user. Change its owner or permissions",
        errno.EPERM: "may not be written by this user. Change its owner or permissions",
        errno.EIO: "has an input/output error. Check the disk or the volume",
        errno.ESTALE: "is gone (stale network mount). Mount it again",
        errno.ENODEV: "is gone. Mount it again",
        errno.EFBIG: "cannot hold a file of this size. Use another file system",
        errno.ENAMETOOLONG: "cannot store a name of this length. Shorten it",
    }.get(error.errno or 0)
    return TransferError(f"{place} {why}, then retry.", reason="not_writable") if why else None


# What a volume answers that only takes bytes one after the other. On an open file none of them is about permission.
NO_RANDOM_WRITES = frozenset(
    {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EINVAL, errno.EBADF, errno.ESPIPE, errno.ENOSYS, errno.ENXIO}
)


@contextmanager
def at_any_offset(place: Path) -> Iterator[None]:
    """Around writes into the middle of an open file. Names volumes that have none; the bytes that are there stay."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_RANDOM_WRITES:
            raise
        raise no_random_writes(place) from error


def no_random_writes(place: Path) -> TransferError:
    return TransferError(
        f"The volume of {place} cannot write into the middle of a file, as an install has to. With rclone, mount it "
        "with “--vfs-cache-mode writes”; else set COMFYDASH_MODELS_DIR to a folder on a disk. Then retry.",
        reason="not_writable",
    )


def parts_of(path: str) -> list[str]:
    """The names of a relative path; TransferError(forbidden_path) for what is none."""
    names = path.split("/")
    if any(name in {"", ".", ".."} or "\0" in name for name in names):
        raise TransferError(f"The path {path!a} is not inside the models folder.", reason="forbidden_path")
    return names


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _outside(root: Path) -> TransferError:
    return TransferError(
        f"A symlink on the way leads out of {root}. Put the target inside, make it the models folder itself, or name "
        "it in the file of COMFYDASH_EXTRA_MODEL_PATHS.",
        reason="forbidden_path",
    )


def _in_the_way(path: str) -> TransferError:
    return TransferError(f"Something is in the way at {path}. Move or delete it first.", reason="path_conflict")
