"""A volume on loopback's terms: a FUSE file system over a folder, whose bytes reach it at the pace of a slow disk.

Spoken here is the kernel's own protocol (linux/fuse.h, version 7.31), so that nothing needs to be installed; it takes
root and /dev/fuse. With ``cached`` the kernel keeps what is written and brings it later, as with a disk; without, each
write waits, as on many network volumes.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MOST_WRITTEN = 1 << 20  # bytes of one write
THREADS = 4
CATCHES_UP = 0.1  # seconds that a busy machine may keep the disk waiting before they are lost
ROOT = 1
WRITEBACK_CACHE, BIG_WRITES, MAX_PAGES = 1 << 16, 1 << 5, 1 << 22  # FUSE_INIT flags
HAS_SIZE, HAS_MTIME = 1 << 3, 1 << 5  # FATTR flags
HEAD = struct.Struct("<IIQQIIII")
SETATTR = struct.Struct("<IIQQQQQQIIIIIIII")
UNANSWERED = {2, 36, 42}  # FORGET, INTERRUPT, BATCH_FORGET
_libc = ctypes.CDLL(None, use_errno=True)


def is_possible() -> bool:
    return os.geteuid() == 0 and os.access("/dev/fuse", os.R_OK | os.W_OK)


class SlowVolume:
    """``rate`` is bytes/s; ``gate`` stops every byte while it is clear."""

    def __init__(self, behind: Path, rate: float, cached: bool) -> None:
        self.rate, self.cached = rate, cached
        self.gate = threading.Event()
        self.gate.set()
        self.written = 0  # bytes
        self._disk = threading.Lock()
        self._free_at = 0.0
        self._paths: dict[int, Path] = {ROOT: behind}
        self._ids: dict[Path, int] = {behind: ROOT}
        self._lock = threading.Lock()
        self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        self._calls: dict[int, Callable[[int, memoryview], bytes]] = {
            1: lambda node, body: self._entry(self._below(node, body)),  # LOOKUP
            3: lambda node, body: self._attributes(node),  # GETATTR
            4: self._setattr,
            9: self._mkdir,
            10: self._unlink,
            11: self._rmdir,
            12: lambda node, body: self._rename(node, body, 8),  # RENAME
            14: self._open,
            15: self._read,
            16: self._write,
            17: self._statfs,
            18: self._release,
            20: lambda node, body: b"",  # FSYNC: what reached us is there
            25: lambda node, body: b"",  # FLUSH
            26: self._init,
            27: lambda node, body: struct.pack("<QII", 0, 0, 0),  # OPENDIR
            28: self._readdir,
            29: lambda node, body: b"",  # RELEASEDIR
            30: lambda node, body: b"",  # FSYNCDIR
            34: lambda node, body: b"",  # ACCESS
            35: self._create,
            38: lambda node, body: b"",  # DESTROY
            45: lambda node, body: self._rename(node, body, 16),  # RENAME2
        }

    def serve(self) -> None:
        """Until the volume is unmounted."""
        while True:
            try:
                asked = memoryview(os.read(self.device, MOST_WRITTEN + 4096))
            except OSError as error:
                if error.errno in {errno.ENOENT, errno.EINTR, errno.EAGAIN}:
                    continue
                return  # ENODEV: unmounted
            _, opcode, unique, node, *_ = HEAD.unpack_from(asked)
            if opcode in UNANSWERED:
                continue
            code, answer = 0, b""
            try:
                call = self._calls.get(opcode)
                code, answer = (0, call(node, asked[HEAD.size :])) if call else (errno.ENOSYS, b"")
            except OSError as error:
                code = error.errno or errno.EIO
            with suppress(OSError):  # who asked was interrupted
                os.write(self.device, struct.pack("<IiQ", 16 + len(answer), -code, unique) + answer)

    # --- names -----------------------------------------------------------------------------------------------------

    def _below(self, node: int, name: memoryview) -> Path:
        return self._paths[node] / bytes(name).split(b"\0")[0].decode()

    def _entry(self, path: Path) -> bytes:
        attributes = _attributes(path.lstat())
        with self._lock:
            node = self._ids.setdefault(path, max(self._paths) + 1)
            self._paths[node] = path
        return struct.pack("<4Q2I", node, 0, 0, 0, 0, 0) + attributes

    def _attributes(self, node: int) -> bytes:
        return struct.pack("<QII", 0, 0, 0) + _attributes(self._paths[node].lstat())

    def _setattr(self, node: int, body: memoryview) -> bytes:
        valid, _, _, size, _, _, mtime, _, _, mtime_ns, *_ = SETATTR.unpack_from(body)
        path = self._paths[node]
        if valid & HAS_SIZE:
            os.truncate(path, size)
        if valid & HAS_MTIME:
            moment = mtime * 10**9 + mtime_ns
            os.utime(path, ns=(moment, moment))
        return self._attributes(node)

    def _mkdir(self, node: int, body: memoryview) -> bytes:
        path = self._below(node, body[8:])
        path.mkdir()
        return self._entry(path)

    def _unlink(self, node: int, body: memoryview) -> bytes:
        path = self._below(node, body)
        path.unlink()
        return self._forget(path)

    def _rmdir(self, node: int, body: memoryview) -> bytes:
        path = self._below(node, body)
        path.rmdir()
        return self._forget(path)

    def _forget(self, path: Path) -> bytes:
        with self._lock:
            self._ids.pop(path, None)
        return b""

    def _rename(self, node: int, body: memoryview, head: int) -> bytes:
        (folder,) = struct.unpack_from("<Q", body)
        old, new = bytes(body[head:]).split(b"\0")[:2]
        source, target = self._paths[node] / old.decode(), self._paths[folder] / new.decode()
        source.rename(target)
        with self._lock:
            if (moved := self._ids.pop(source, None)) is not None:
                self._ids[target], self._paths[moved] = moved, target
        return b""

    def _readdir(self, node: int, body: memoryview) -> bytes:
        offset, size = struct.unpack_from("<QI", body, 8)
        found = b""
        for number, entry in enumerate(sorted(os.scandir(self._paths[node]), key=lambda entry: entry.name), 1):
            name = entry.name.encode()
            kind = stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode) >> 12
            line = struct.pack("<QQII", entry.inode(), number, len(name), kind) + name
            line += bytes(-len(line) % 8)
            if number > offset and len(found) + len(line) <= size:
                found += line
        return found

    def _statfs(self, node: int, body: memoryview) -> bytes:
        said = os.statvfs(self._paths[ROOT])
        counts = (said.f_blocks, said.f_bfree, said.f_bavail, said.f_files, said.f_ffree)
        return struct.pack("<5Q10I", *counts, said.f_bsize, said.f_namemax, said.f_frsize, *[0] * 7)

    # --- bytes -----------------------------------------------------------------------------------------------------

    def _init(self, node: int, body: memoryview) -> bytes:
        flags = BIG_WRITES | MAX_PAGES | (WRITEBACK_CACHE if self.cached else 0)
        pages = MOST_WRITTEN // 4096
        return struct.pack("<IIIIHHIIHHI7I", 7, 31, 1 << 17, flags, 16, 12, MOST_WRITTEN, 1, pages, 0, 0, *[0] * 7)

    def _open(self, node: int, body: memoryview) -> bytes:
        (flags,) = struct.unpack_from("<I", body)
        return struct.pack("<QII", os.open(self._paths[node], self._allowed(flags)), 0, 0)

    def _create(self, node: int, body: memoryview) -> bytes:
        flags, mode = struct.unpack_from("<II", body)
        path = self._below(node, body[16:])
        handle = os.open(path, self._allowed(flags) | os.O_CREAT, mode & 0o777)
        return self._entry(path) + struct.pack("<QII", handle, 0, 0)

    def _allowed(self, flags: int) -> int:
        """The kernel appends by itself, and where it caches it reads what it is to write to."""
        flags &= ~(os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_EXCL)
        return flags & ~os.O_WRONLY | os.O_RDWR if self.cached and flags & os.O_WRONLY else flags

    def _read(self, node: int, body: memoryview) -> bytes:
        handle, offset, size = struct.unpack_from("<QQI", body)
        return os.pread(handle, size, offset)

    def _write(self, node: int, body: memoryview) -> bytes:
        handle, offset, size = struct.unpack_from("<QQI", body)
        self.gate.wait()
        with self._disk:
            now = time.monotonic()
            self._free_at = max(self._free_at, now - CATCHES_UP) + size / self.rate
            time.sleep(max(0.0, self._free_at - now))
            count = os.pwrite(handle, body[40 : 40 + size], offset)
            self.written += count
        return struct.pack("<II", count, 0)

    def _release(self, node: int, body: memoryview) -> bytes:
        (handle,) = struct.unpack_from("<Q", body)
        os.close(handle)
        return b""


def _attributes(found: os.stat_result) -> bytes:
    times = (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)
    whole, rest = [moment // 10**9 for moment in times], [moment % 10**9 for moment in times]
    owner = (found.st_mode, found.st_nlink, found.st_uid, found.st_gid, 0, 4096, 0)
    return struct.pack("<6Q10I", found.st_ino, found.st_size, found.st_blocks, *whole, *rest, *owner)


@contextmanager
def slow_volume(folder: Path, rate: float, *, cached: bool = False) -> Iterator[tuple[Path, SlowVolume]]:
    """Mounted below `folder`, with what it holds beside it; bytes/s."""
    mounted, behind = folder / "mounted", folder / "behind"
    mounted.mkdir()
    behind.mkdir()
    volume = SlowVolume(behind, rate, cached)
    options = f"fd={volume.device},rootmode=40000,user_id=0,group_id=0,allow_other"
    if _libc.mount(b"comfydash", bytes(mounted), b"fuse", 0, options.encode()):
        raise OSError(ctypes.get_errno(), "the volume could not be mounted")
    threads = [threading.Thread(target=volume.serve, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield mounted, volume
    finally:
        volume.gate.set()
        _libc.umount2(bytes(mounted), 2)  # MNT_DETACH: also while a killed process still holds a file
        os.close(volume.device)
