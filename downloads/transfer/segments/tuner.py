"""How many connections: more while the sum rises, fewer when it does not, none in vain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

START = 4
WINDOW = 0.2  # seconds of measuring once every connection has begun to deliver
SETTLE_SECONDS = 3.0  # seconds to wait for that
WORTH_IT = 0.3  # of the gain that more connections promise
HOLD = 8.0  # seconds before trying more again; doubled each time it was in vain
LONGEST_HOLD = 60.0
FAST = 150e6  # bytes/s of one connection: nobody throttles there, and more of them only cost CPU
ALMOST_DONE = 0.5  # seconds of transfer left: too late to change anything
BUSY = 16 << 20  # bytes waiting to be hashed: fewer are just the buffers under way
HELD_UP = 6 << 20  # bytes waiting to be hashed behind a lone connection: the hash sets the pace


@dataclass(frozen=True)
class Sample:
    """One look at a running transfer; bytes and seconds."""

    now: float
    received: int
    alive: int
    warm: bool  # every connection has delivered something
    left: int  # bytes still to receive
    hashed: int
    unhashed: int  # there, contiguous, waiting to be hashed
    to_hash: int  # there or not


class Tuner:
    def __init__(self, most: int, grant: Callable[[int], int] = lambda wanted: wanted) -> None:
        """``grant`` says how many of the wanted connections there may be, beside those of other files."""
        self.most, self._grant = max(1, most), grant
        self.target = grant(min(START, self.most))
        self._window: Sample | None = None
        self._waiting_since: float | None = None
        self._before: tuple[int, float] | None = None  # connections and rate before the last step up
        self._hold_until = 0.0
        self._hold = HOLD

    def look(self, sample: Sample) -> None:
        """Adjust the target; cheap, called several times a second."""
        if self._waiting_since is None:
            self._waiting_since = sample.now
        if self._window is None:
            if (sample.warm and sample.alive >= self.target) or sample.now - self._waiting_since > SETTLE_SECONDS:
                self._window = sample
            return
        if sample.now - self._window.now >= WINDOW:
            self._judge(self._window, sample)
            self._window = sample if self._waiting_since is not None else None

    def refused(self, now: float, alive: int) -> None:
        """A connection was refused or broke without bringing anything: fewer, for a while."""
        self.target = self._grant(max(1, min(self.target, alive)))
        self._hold_off(now)

    def _judge(self, first: Sample, last: Sample) -> None:
        seconds = last.now - first.now
        rate = (last.received - first.received) / seconds
        hashing = (last.hashed - first.hashed) / seconds
        if last.left < rate * ALMOST_DONE:
            return
        if self._hash_decides(first, last, rate, hashing):
            self._before = None
            if rate > 1.5 * hashing and self.target > 1:
                self._step(self.target // 2)
            return
        if self._before is not None:
            count, earlier = self._before
            self._before = None
            promised = self.target / count - 1
            if rate < earlier * (1 + WORTH_IT * promised):
                self._step(count)
                self._hold_off(last.now)
                return
            self._hold = HOLD
        held_up = self.target == 1 and last.unhashed > HELD_UP
        if held_up or self._hash_lags(last, rate, hashing) or rate / self.target > FAST:
            return
        if self.target < self.most and last.now >= self._hold_until:
            self._before = (self.target, rate)
            self._step(min(self.most, self.target * 2))

    def _hash_decides(self, first: Sample, last: Sample, rate: float, hashing: float) -> bool:
        """Whether hashing has been busy all the time and will end last, however fast the rest arrives."""
        return first.unhashed > BUSY and self._hash_lags(last, rate, hashing)

    @staticmethod
    def _hash_lags(last: Sample, rate: float, hashing: float) -> bool:
        """Whether hashing has work waiting and would end after the transfer as it is."""
        return last.unhashed > BUSY and rate > 0 and last.to_hash * rate > 1.2 * last.left * hashing

    def _step(self, target: int) -> None:
        self.target = self._grant(target)
        self._waiting_since = None

    def _hold_off(self, now: float) -> None:
        self._hold_until = now + self._hold
        self._hold = min(LONGEST_HOLD, 2 * self._hold)
        self._before, self._window, self._waiting_since = None, None, None
