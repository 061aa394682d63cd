"""SHA-256 in step with the front: a thread that hashes whatever is contiguous.

Bytes that have just been written at the front are taken as they came; everything else is read from the page cache.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable

from downloads.transfer.background import Task
from downloads.transfer.part.buffers import LARGEST, Buffer, Buffers
from downloads.transfer.part.file import Partial

BLOCK = 1 << 20
POLL_SECONDS = 0.005  # seconds
MOST_WAITING = 16 << 20  # bytes of buffers kept for hashing; what comes beyond is read back later
MOST_BUFFERS = MOST_WAITING // LARGEST  # full or not
ENOUGH_WAITING = 12 << 20  # bytes; a lone connection that is further ahead waits, for reading back costs more
FAR_BEHIND = 512 << 20  # bytes; after a resume: nobody waits so long


class Hasher:
    """Follows a Partial from byte 0; after a resume what is there is read again, for a hash has no state to save."""

    def __init__(self, partial: Partial) -> None:
        self.partial = partial
        self.position = 0
        self._digest = hashlib.sha256()
        self._generation = partial.generation
        self._stopped = False
        self._waiting: deque[Buffer] = deque()  # the bytes [_from, _until), one after the other
        self._from = self._until = 0
        partial.at_front = self._offer
        self._task = Task(self._follow, "hasher")

    def _offer(self, offset: int, buffer: Buffer) -> None:
        """From a writing thread, which holds the lock: these bytes were at the front just now."""
        if not self._waiting:
            self._from = self._until = offset
        has_room = self._until + buffer.filled - self._from <= MOST_WAITING and len(self._waiting) < MOST_BUFFERS
        if offset == self._until and has_room:
            buffer.hold()
            self._waiting.append(buffer)
            self._until += buffer.filled

    def let_catch_up(self, leaving: Callable[[], bool]) -> None:
        """Hold up the only writer while the hash has enough to do, so that it gets the buffers and need not read."""
        with self.partial.advanced:
            while ENOUGH_WAITING < self.partial.front - self.position < FAR_BEHIND:
                if self._stopped or leaving():
                    return
                self.partial.advanced.wait(POLL_SECONDS)

    def _follow(self) -> None:
        own = Buffers(BLOCK).take()
        try:
            while buffer := self._next_piece(own):
                self._digest.update(buffer.data)
                self.position += buffer.filled
                buffer.release()
        finally:
            with self.partial.advanced:
                self._stopped = True
                self.partial.advanced.notify_all()

    def _next_piece(self, own: Buffer) -> Buffer | None:
        """The next bytes to hash, waited for: as they came, or read into our own buffer. None when told to stop."""
        with self.partial.advanced:
            while not self._stopped:
                if self._generation != self.partial.generation:
                    self._begin_anew()
                if self._waiting and self._from == self.position:
                    buffer = self._waiting.popleft()
                    self._from += buffer.filled
                    return buffer
                if (until := self._readable()) > self.position:
                    break
                self.partial.advanced.notify_all()  # whoever waits for us to have caught up
                self.partial.advanced.wait()
            else:
                return None
            count = min(BLOCK, until - self.position)
        own.filled = self.partial.read_into(own.memory[:count], self.position)
        if own.filled == 0:
            if self._generation != self.partial.generation:  # it was started over just now
                return self._next_piece(own)
            raise OSError("the unfinished file became shorter")
        own.hold()
        return own

    def _readable(self) -> int:
        """How far the file is to be read: to the front, or to where the buffers begin."""
        return self._from if self._waiting else self.partial.front

    def _begin_anew(self) -> None:
        self._generation, self.position = self.partial.generation, 0
        self._digest = hashlib.sha256()
        while self._waiting:
            self._waiting.popleft().release()

    def wait(self, size: int, seconds: float) -> bool:
        """Whether the first `size` bytes are hashed, after waiting at most `seconds`. Raises what ended the hashing."""
        with self.partial.advanced:
            self.partial.advanced.wait_for(lambda: self.position >= size or self._stopped, seconds)
        if self.position < size and self._stopped:
            self._task.result()
        return self.position >= size

    def hexdigest(self) -> str:
        """Of everything hashed so far; only sensible after `wait`."""
        return self._digest.hexdigest()

    def stop(self) -> None:
        with self.partial.advanced:
            self._stopped = True
            self.partial.at_front = None
            self.partial.advanced.notify_all()
        self._task.done.wait()
