"""Memory that arriving bytes are read into, written from and hashed from, without a copy in between."""

from __future__ import annotations

import mmap
import threading

LARGEST = 1 << 20  # bytes of one buffer
LEAST = 4096


class Buffer:
    """Whoever needs the bytes for longer than a call holds it, and releases it afterwards; who took it holds it."""

    def __init__(self, memory: memoryview, buffers: Buffers | None = None) -> None:
        self.memory = memory
        self.filled = 0  # bytes
        self._buffers = buffers
        self._holders = 1
        self._lock = threading.Lock()

    @classmethod
    def of(cls, data: bytes) -> Buffer:
        """Full of these bytes, and used once."""
        buffer = cls(memoryview(data))
        buffer.filled = len(data)
        return buffer

    @property
    def data(self) -> memoryview:
        return self.memory[: self.filled]

    def room(self, most: int) -> memoryview:
        """Where the next bytes go, `most` of them at most."""
        return self.memory[self.filled : self.filled + most]

    @property
    def is_full(self) -> bool:
        return self.filled == len(self.memory)

    def hold(self) -> None:
        with self._lock:
            self._holders += 1

    def release(self) -> None:
        with self._lock:
            self._holders -= 1
            is_free = self._holders == 0
        if is_free and self._buffers is not None:
            self.filled, self._holders = 0, 1
            self._buffers.take_back(self)


class Buffers:
    """Makes as many as are held at once; those that were released are used again."""

    def __init__(self, size: int = LARGEST) -> None:
        self.size = max(LEAST, min(size, LARGEST))
        self.made = 0
        self._free: list[Buffer] = []
        self._lock = threading.Lock()

    def take(self) -> Buffer:
        with self._lock:
            if self._free:
                return self._free.pop()
            self.made += 1
        # Pages of a mapping count only once they are written to: a slow connection does with a few of them.
        return Buffer(memoryview(mmap.mmap(-1, self.size)), self)

    def take_back(self, buffer: Buffer) -> None:
        with self._lock:
            self._free.append(buffer)
