from __future__ import annotations

from downloads.transfer.segments.tuner import WINDOW, Sample, Tuner


class Line:
    """A line that gives `each` bytes/s per connection, `most` in all, driven without a clock."""

    def __init__(self, tuner: Tuner, each: float, most: float, hashing: float = 1e12) -> None:
        self.tuner, self.each, self.most, self.hashing = tuner, each, most, hashing
        self.now = self.received = self.hashed = 0.0
        self.seen: list[int] = []

    def run(self, seconds: float, size: float = 1e12) -> int:
        step = WINDOW / 6
        for _ in range(round(seconds / step)):
            self.now += step
            self.received += step * min(self.most, self.each * self.tuner.target)
            self.hashed = min(self.received, self.hashed + step * self.hashing)
            self.seen.append(self.tuner.target)
            alive = self.tuner.target
            self.tuner.look(
                Sample(
                    now=self.now,
                    received=int(self.received),
                    alive=alive,
                    warm=True,
                    left=int(size - self.received),
                    hashed=int(self.hashed),
                    unhashed=int(self.received - self.hashed),
                    to_hash=int(size - self.hashed),
                )
            )
        return self.tuner.target


def test_connections_grow_while_the_sum_rises() -> None:
    line = Line(Tuner(16), each=25e6, most=1e9)
    assert line.tuner.target == 4
    assert line.run(1.2) == 16


def test_connections_fall_back_when_more_bring_nothing_and_try_again_later() -> None:
    line = Line(Tuner(16), each=25e6, most=100e6)
    assert line.run(2) == 4
    assert 8 in line.seen
    line.most = 1e9
    assert line.run(30) == 16


def test_one_connection_is_enough_when_hashing_decides() -> None:
    assert Line(Tuner(8), each=1e9, most=2e9, hashing=350e6).run(3, size=20e9) == 1


def test_a_refusal_means_fewer_for_a_while() -> None:
    line = Line(Tuner(16), each=25e6, most=1e9)
    line.run(1.2)
    line.tuner.refused(line.now, 2)
    assert line.run(3) == 2
    assert line.run(30) == 16


def test_the_setting_is_the_most() -> None:
    assert Line(Tuner(1), each=1e6, most=1e9).run(10) == 1
    assert max(Line(Tuner(6), each=1e6, most=1e9).seen, default=0) <= 6


def test_connections_do_not_grow_while_one_waits_for_the_hash() -> None:
    line = Line(Tuner(8), each=1e9, most=2e9, hashing=100e6)
    assert line.run(1, size=20e9) == 1
    line.received, line.each = line.hashed + 12e6, 100e6  # held up: it brings what is hashed
    line.seen.clear()
    line.run(5, size=20e9)
    assert set(line.seen) == {1}
