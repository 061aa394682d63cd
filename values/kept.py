"""What is derived from something else and kept for as long as that stays the same."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """One value, derived anew when its key is another one or ``seconds`` have passed. Safe from several threads.

    Only one thread derives and the others wait for what it finds, unless ``together``: then nobody waits for anybody,
    and what was found last counts. Keys are compared with ``==``; the last one is held.
    """

    def __init__(self, seconds: float = math.inf, *, together: bool = False) -> None:
        self.seconds = seconds
        self._lock: AbstractContextManager[object] = nullcontext() if together else threading.RLock()
        self._known: tuple[object, float, Value] | None = None

    def get(self, key: object, derive: Callable[[], Value]) -> Value:
        """What derive answers, or answered for an equal key. Raises what derive raises, and then keeps nothing new."""
        with self._lock:
            known = self._known
            if known is None or known[0] != key or time.monotonic() - known[1] >= self.seconds:
                known = (key, time.monotonic(), derive())
                self._known = known
            return known[2]

    @property
    def last(self) -> Value | None:
        """What was derived last, however old; None before the first time and after `forget`."""
        known = self._known
        return known[2] if known else None

    def forget(self) -> None:
        with self._lock:
            self._known = None


class Same:
    """A key that is equal only for the very same objects: what was kept with them is right while they are."""

    def __init__(self, *objects: object) -> None:
        self.objects = objects

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Same)
            and len(self.objects) == len(other.objects)
            and all(mine is theirs for mine, theirs in zip(self.objects, other.objects, strict=True))
        )

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.objects)))
