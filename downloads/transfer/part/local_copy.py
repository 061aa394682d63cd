"""The same bytes are here under another name: a hard link, else a clone, else a copy, and nothing is fetched.

A copy is only believed once it was hashed. It never stands under the name of a .part, which a later transfer writes to.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from downloads.transfer.disk.confined import delete_confined, folder_confined, open_confined, stat_confined
from downloads.transfer.part.buffers import Buffer
from downloads.transfer.part.file import Partial
from downloads.transfer.part.names import LINK_SUFFIX, stem
from downloads.transfer.types import UNFENCED, Fence
from volumes.checksum import BLOCK, sha256_of_blocks
from volumes.files import NO_LINKS, rename_over
from webclient.errors import Stopped, folder_at_path, path_taken

FICLONE = 0x40049409  # linux/fs.h


class LocalCopy:
    """An open file that is said to hold the bytes that are wanted. Threads read it, `leave` ends them."""

    def __init__(self, root: Path, path: str) -> None:
        """Raises TransferError and OSError when it is not there or no plain file."""
        self.path = path
        self.root = root
        self.handle = open_confined(root, path, os.O_RDONLY)
        self.size = os.fstat(self.handle).st_size
        self.read = 0  # bytes, so far
        self._leaving = threading.Event()

    def leave(self) -> None:
        self._leaving.set()

    def close(self) -> None:
        os.close(self.handle)

    def hexdigest(self) -> str:
        return sha256_of_blocks(block for _, block in self._blocks(0, self.size))

    def _blocks(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        while start < end:
            if self._leaving.is_set():
                raise Stopped
            block = os.pread(self.handle, min(BLOCK, end - start), start)
            if not block:
                raise OSError(errno.EIO, f"{self.path} became shorter")
            yield start, block
            start += len(block)
            self.read += len(block)

    @contextmanager
    def linked(self, root: Path, path: str, fence: Fence = UNFENCED) -> Iterator[bool]:
        """A hard link beside `path`, gone again at the end unless it was renamed; False where there can be none."""
        name = stem(path, fence.number) + LINK_SUFFIX
        delete_confined(root, name)
        try:
            yield self._link(root, name)
        finally:
            delete_confined(root, name)

    def _link(self, root: Path, name: str) -> bool:
        with (
            folder_confined(self.root, self.path) as (folder, own_name),
            folder_confined(root, name, create=True) as (other, new_name),
        ):
            try:
                os.link(own_name, new_name, src_dir_fd=folder, dst_dir_fd=other, follow_symlinks=False)
            except OSError as error:
                if error.errno in NO_LINKS:
                    return False
                raise
            mine, linked = os.fstat(self.handle), os.stat(new_name, dir_fd=other, follow_symlinks=False)
            return (mine.st_dev, mine.st_ino) == (linked.st_dev, linked.st_ino)

    def fill(self, partial: Partial) -> None:
        """Put what is missing in an unfinished file: by a clone, which costs neither time nor room, else a copy."""
        if not partial.bytes_done and self._clone(partial):
            partial.arrived(self.size)
            return
        partial.reserve()
        for start, end in partial.extents.missing(self.size):
            for offset, block in self._blocks(start, end):
                if not partial.write(partial.generation, offset, Buffer.of(block)):
                    raise Stopped

    def _clone(self, partial: Partial) -> bool:
        with suppress(OSError):  # another file system, or one that cannot
            fcntl.ioctl(partial.handle, FICLONE, self.handle)
            return os.fstat(partial.handle).st_size == self.size
        return False


def publish_link(root: Path, path: str, fence: Fence = UNFENCED, *, replace: bool) -> None:
    """Give what `LocalCopy.linked` made its final name, which is durable once its folder is synced.

    Raises TransferError (path_conflict) where it is taken.
    """
    with folder_confined(root, path) as (folder, name):
        if not replace and stat_confined(root, path):
            raise path_taken(path)
        if not fence.holds():
            raise Stopped
        try:
            rename_over(stem(name, fence.number) + LINK_SUFFIX, name, folder)
        except IsADirectoryError:
            raise folder_at_path(path) from None
