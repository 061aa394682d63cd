"""The small parts: ranges, plan, tuner, journal, limit, disk, back-off."""

from __future__ import annotations

import hashlib
import json
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from downloads.transfer import Options, Progress, Stopped, TransferError, disk_space
from downloads.transfer.backoff import Backoff
from downloads.transfer.part.file import Partial, partial_bytes
from downloads.transfer.part.hasher import ENOUGH_WAITING, Hasher
from downloads.transfer.part.journal import Identity, boot_id, identity_line, read_state, synced_line, written_line
from downloads.transfer.part.ranges import Extents
from downloads.transfer.segments.plan import LARGEST, SMALLEST, Plan
from downloads.transfer.segments.rate_limit import RateLimit
from downloads.transfer.segments.tuner import WINDOW, Sample, Tuner
from hosts.answers import asked_pause, busy_error, expiry, has_expired
from hosts.huggingface import LIMIT_HINT
from tests.downloads.transfer.conftest import Bringer
from tests.fakehub import FakeHub
from webclient.client import number
from webclient.errors import Transient

RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)
MODEL = "vae/a.safetensors"


@given(RANGES, st.integers(0, 60))
def test_extents_are_the_set_of_their_bytes(ranges: list[tuple[int, int]], size: int) -> None:
    there = {byte for start, end in ranges for byte in range(start, end)}
    extents = Extents(ranges)
    assert {byte for start, end in extents for byte in range(start, end)} == there
    assert extents.total == len(there)
    assert extents.front == next(byte for byte in range(62) if byte not in there)
    missing = {byte for start, end in extents.missing(size) for byte in range(start, end)}
    assert missing == set(range(size)) - there
    assert all(before[1] < after[0] for before, after in zip(list(extents), list(extents)[1:], strict=False))
    assert extents.within(size) == Extents((start, min(end, size)) for start, end in ranges)


@given(st.integers(1, 40), st.integers(1, 16), st.integers(0, 1 << 32))
def test_a_plan_hands_out_every_byte_once(megabytes: int, connections: int, seed: int) -> None:
    dice = random.Random(seed)
    size = megabytes * 3_000_001
    plan, done = Plan([(0, size)]), Extents()
    taken: list[Any] = []
    for _ in range(10_000):
        if len(taken) < connections and (segment := plan.take(connections, dice.uniform(0, 1e8))):
            taken.append(segment)
        if not taken:
            break
        segment = taken.pop(dice.randrange(len(taken)))
        step = min(segment.end - segment.position, dice.randrange(1, LARGEST))
        assert done.total + step == (done.add(segment.position, segment.position + step), done.total)[1]  # type: ignore[func-returns-value]
        segment.position += step
        if segment.position < segment.end and dice.random() < 0.5:
            taken.append(segment)
        else:
            plan.give_back(segment)
    assert done == Extents([(0, size)])


def test_pieces_come_in_file_order_large_first_small_at_the_end() -> None:
    plan = Plan([(0, 2_000_000_000)])
    segments = []
    while segment := plan.take(4, 100e6):
        segments.append(segment)
        segment.position = segment.end
        plan.give_back(segment)
    assert [segment.start for segment in segments] == sorted(segment.start for segment in segments)
    lengths = [segment.end - segment.start for segment in segments]
    assert lengths[0] == LARGEST
    assert lengths[-1] <= 2 * SMALLEST


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


class Counted(Partial):
    """A Partial that counts what the hash reads back."""

    read_back = 0

    def read_into(self, buffer: memoryview, offset: int) -> int:
        self.read_back += len(buffer)
        return super().read_into(buffer, offset)


def test_a_lone_connection_waits_for_the_hash_so_that_nothing_is_read_back(tmp_path: Path) -> None:
    block, count = os.urandom(4 << 20), 16
    with Counted(tmp_path, MODEL) as partial:
        partial.adopt(Identity("https://x/a", len(block) * count, "a" * 64))
        hasher = Hasher(partial)
        for number in range(count):
            partial.write(partial.generation, number * len(block), [block], len(block))
            hasher.let_catch_up(lambda: False)
            assert partial.front - hasher.position <= ENOUGH_WAITING
        assert hasher.wait(len(block) * count, 20)
        hasher.stop()
        assert partial.read_back == 0
    assert hasher.hexdigest() == hashlib.sha256(block * count).hexdigest()


def test_nobody_waits_for_a_hash_that_has_stopped(tmp_path: Path) -> None:
    with Partial(tmp_path, MODEL) as partial:
        partial.adopt(Identity("https://x/a", 100 << 20, "a" * 64))
        hasher = Hasher(partial)
        hasher.stop()
        partial.write(partial.generation, 0, [bytes(20 << 20)], 20 << 20)
        hasher.let_catch_up(lambda: False)


# --- the journal ----------------------------------------------------------------------------------------------------

FILE = Identity("https://x/a", 1000, "a" * 64, "", "")
OTHER_BOOT = json.dumps({"written": [[0, 900]], "boot": "another"}).encode() + b"\n"


@pytest.mark.parametrize(
    ("lines", "bytes_known"),
    [
        (identity_line(FILE), 0),
        (identity_line(FILE) + synced_line([(0, 500)]), 500),
        (identity_line(FILE) + synced_line([(0, 500)]) + written_line([(0, 700)]), 700),
        (identity_line(FILE) + written_line([(0, 700)])[:-9], 0),
        (identity_line(FILE) + synced_line([(0, 500)]) + b'{"written":[[0,', 500),
        (identity_line(FILE) + synced_line([(0, 500)]) + OTHER_BOOT, 500),
        (identity_line(FILE) + written_line([(0, 700)]) + identity_line(FILE), 0),
        (identity_line(FILE) + b'[]\n{"synced":"x"}\n{"synced":[[0]]}\n\x00\xff\n' + synced_line([(5, 9)]), 4),
    ],
)
def test_a_journal_claims_only_what_can_be_relied_on(lines: bytes, bytes_known: int) -> None:
    state = read_state(lines)
    assert state
    assert (state.identity, state.extents.total) == (FILE, bytes_known)


@pytest.mark.parametrize("text", [b"", b"\0" * 4096, b"{}", b"null\n", b'{"identity":{"nonsense":1}}', b"\xff" * 100])
def test_a_journal_that_is_none_claims_nothing(text: bytes) -> None:
    assert read_state(text) is None


@given(st.integers(0, 400))
def test_a_journal_cut_anywhere_claims_no_more(cut: int) -> None:
    lines = identity_line(FILE) + synced_line([(0, 300)]) + written_line([(0, 400)])
    state = read_state(lines[:cut])
    assert state is None or state.extents.total in {0, 300, 400}
    if state and state.extents.total == 400:
        assert boot_id() in lines[:cut].decode()


def test_bytes_beyond_the_end_of_the_part_are_not_counted(tmp_path: Path) -> None:
    with Partial(tmp_path, MODEL) as partial:
        partial.adopt(FILE)
        partial.write(partial.generation, 0, [b"x" * 700], 700)
    assert partial_bytes(tmp_path, MODEL) == 700
    os.truncate(tmp_path / (MODEL + ".part"), 100)
    assert partial_bytes(tmp_path, MODEL) == 100
    (tmp_path / (MODEL + ".part")).unlink()
    assert partial_bytes(tmp_path, MODEL) == 0


def test_places_beyond_four_gigabytes_are_places_like_others(tmp_path: Path) -> None:
    size, far = 6_000_000_000, 5_000_000_000
    with Partial(tmp_path, MODEL) as partial:
        partial.adopt(Identity("https://x/a", size, "a" * 64))
        partial.write(partial.generation, far, [b"far ", b"away"], 8)
    with Partial(tmp_path, MODEL) as again:
        assert again.adopt(Identity("https://x/a", size, "a" * 64))
        assert again.extents.missing(size) == [(0, far), (far + 8, size)]
        buffer = bytearray(8)
        assert (again.read_into(memoryview(buffer), far), bytes(buffer)) == (8, b"far away")
    assert partial_bytes(tmp_path, MODEL) == 8


def test_bytes_of_an_older_generation_are_refused(tmp_path: Path) -> None:
    with Partial(tmp_path, MODEL) as partial:
        partial.adopt(FILE)
        old = partial.generation
        partial.start_over(FILE)
        assert not partial.write(old, 0, [b"x"], 1)
        assert partial.bytes_done == 0
    assert not partial.write(partial.generation, 0, [b"x"], 1)


def test_a_long_journal_is_written_anew(tmp_path: Path) -> None:
    with Partial(tmp_path, MODEL) as partial:
        partial.adopt(Identity("https://x/a", 1 << 40, "a" * 64))
        for number in range(3000):
            partial.write(partial.generation, number * 4, [b"ab"], 2)
            if number % 10 == 0:
                partial.note()
        partial.note()
        assert (tmp_path / (MODEL + ".part.state")).stat().st_size < 3 << 20
    assert partial_bytes(tmp_path, MODEL) == 6000


# --- time -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "42"}, 42.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "NaN"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "\u00b2"}, None),  # a digit to str.isdigit, and none to float
        ({"Retry-After": "9" * 400}, float("inf")),
        ({"Retry-After": "Fri, 99 Foo 99999 99:99:99 GMT"}, None),
        ({"RateLimit": f'"resolvers";r={"0" * 5000};t=17'}, 17.0),
        ({"RateLimit": '"resolvers";r=0;t=17'}, 17.0),
        ({"RateLimit": '"resolvers";r=5;t=17'}, None),
        ({}, None),
    ],
)
def test_the_pause_a_host_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_pause(headers) == seconds


def test_back_off_doubles_up_to_its_cap_and_can_be_stopped() -> None:
    waits: dict[int, float] = {}

    def tick(progress: Progress) -> bool:
        waits[progress.attempt] = max(waits.get(progress.attempt, 0.0), progress.retry_in)
        return True

    backoff = Backoff(Options(retry_base=0.02, retry_cap=0.05, max_attempts=5, tick_interval=0.01), tick)
    for _ in range(4):
        backoff.after(Transient("It broke. It is tried again."))
    assert [round(wait, 2) for wait in waits.values()] == [0.02, 0.04, 0.05, 0.05]
    with pytest.raises(TransferError, match="Retry continues") as over:
        backoff.after(Transient("It broke. It is tried again."))
    assert (over.value.reason, over.value.retry) == ("network", True)
    with pytest.raises(Stopped):
        Backoff(Options(retry_base=60), lambda progress: False).after(Transient("x"))


def test_pauses_that_hosts_ask_for_are_bounded_all_together_until_bytes_arrive() -> None:
    backoff = Backoff(Options(max_attempts=1, max_waits=1000, retry_base=0), lambda progress: True)
    backoff.after(Transient("busy", wait=0))
    with pytest.raises(Stopped):  # heeded: the tick is asked, and says no
        Backoff(Options(max_attempts=1, max_waits=1000), lambda progress: False).after(Transient("busy", wait=900))
    backoff.held_up._end = time.monotonic() + 5
    with pytest.raises(TransferError):
        backoff.after(Transient("busy", wait=6))
    backoff.progressed()
    backoff.tick = lambda progress: False
    with pytest.raises(Stopped):
        backoff.after(Transient("busy", wait=6))


@pytest.mark.parametrize("said", ["\u00b2", "9" * 5000, "-1", "1e3", "12 13", ""])
def test_a_number_that_is_none_breaks_nothing(said: str) -> None:
    assert number(said) is None
    assert expiry(f"https://x/a?Expires={said}") is None
    assert expiry(f"https://x/a?X-Amz-Expires={said}&X-Amz-Date=20240101T000000Z") is None


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        (429, {"Retry-After": "3600"}, "is rate limited and asks to be left alone for 60 min. A token raises"),
        (429, {}, "is rate limited. A token raises the limit. Retry continues"),
        (503, {"Retry-After": "9" * 400}, "(status 503) and asks to be left alone for days. Retry"),
    ],
)
def test_the_last_word_on_a_busy_host_promises_nothing(status: int, headers: dict[str, str], says: str) -> None:
    answer = requests.Response()
    answer.status_code = status
    answer.headers.update(headers)
    with pytest.raises(TransferError) as over:
        Backoff(Options(max_attempts=1), lambda progress: True).after(busy_error(answer, "hub.example", LIMIT_HINT))
    assert says in str(over.value)
    assert "tried again" not in str(over.value)


def test_a_pause_that_is_too_long_counts_as_an_attempt() -> None:
    backoff = Backoff(Options(max_attempts=1), lambda progress: True)
    with pytest.raises(TransferError):
        backoff.after(Transient("busy", wait=3600))


@pytest.mark.parametrize(
    ("link", "ends"),
    [
        ("https://x/a?Expires=1700000000&Signature=s", 1_700_000_000.0),
        ("https://x/a?X-Amz-Date=20231114T221320Z&X-Amz-Expires=3600", 1_700_003_600.0),
        ("https://x/a?X-Amz-Date=never&X-Amz-Expires=3600", None),
        ("https://x/a?Expires=Tue", None),
        ("https://x/a", None),
    ],
)
def test_when_a_link_ends(link: str, ends: float | None) -> None:
    assert expiry(link) == ends
    assert has_expired(ends) is (ends is not None)


def test_the_limit_holds_for_all_connections_together_and_changes_while_it_runs() -> None:
    limits = [1_000_000]
    limit = RateLimit(lambda: limits[0])
    limit.refresh()
    leaving = threading.Event()
    started = time.monotonic()

    def take_four() -> None:
        for _ in range(4):
            limit.take(25_000, leaving)

    threads = [threading.Thread(target=take_four) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started > 0.15
    leaving.set()
    limit.take(50_000_000, leaving)


def test_a_limited_transfer_takes_its_time(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=4_000_000)
    started = time.monotonic()
    brought = bring(file, rate_limit=lambda: 8_000_000)
    assert brought.published
    assert time.monotonic() - started > 0.35


# --- disk -----------------------------------------------------------------------------------------------------------


def test_a_quota_counts_blocks_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    os.link(tmp_path / "a", tmp_path / "b")
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 30)
    space = disk_space(tmp_path, quota=1_000_000, reserve=100_000)
    assert space.total == 1_000_000
    assert 850_000 <= space.free <= 900_000
    assert space.usable == space.free - 100_000
    assert disk_space(tmp_path, quota=50_000).usable == 0
    assert disk_space(tmp_path / "not" / "yet").total == disk_space(tmp_path).total


def test_what_does_not_fit_is_parked_before_the_first_byte(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=4_000_000)
    brought = bring(file, disk_reserve=1 << 60)
    assert brought.refusal
    assert (brought.reason, hub.sent(), bring.on_disk()) == ("disk_full", 0, {})
    assert brought.refusal.missing_bytes > 1 << 59


def test_an_unwritable_folder_is_named(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=4_000_000)
    bring.root.mkdir()
    (bring.root / "vae").write_text("a file where a folder should be")
    assert bring(file).reason == "path_conflict"
