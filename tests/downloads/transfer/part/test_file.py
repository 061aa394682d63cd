"""An unfinished file that passes from one holder of the lease to the next."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from downloads.transfer import Fence, Stopped, discard_partial, partial_bytes
from downloads.transfer.part.buffers import Buffer
from downloads.transfer.part.file import Partial, take_from_earlier
from downloads.transfer.part.journal import Identity

MODEL = "loras/a.safetensors"
PROMISED = Identity("https://h/a", 100, "a" * 64, "", "")
UNPROMISED = Identity("https://h/a", 100, "", "etag", "")


class Holder:
    """Of the lease, until ``lost``."""

    def __init__(self, number: int) -> None:
        self.lost = False
        self.fence = Fence(number, lambda: not self.lost)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "loras").mkdir()
    return tmp_path


def begin(root: Path, holder: Holder, identity: Identity = PROMISED, count: int = 60) -> Partial:
    """The open file of a worker that froze."""
    partial = Partial(root, MODEL, holder.fence)
    partial.adopt(identity)
    assert partial.write(partial.generation, 0, Buffer.of(b"x" * count))
    partial.note()
    return partial


def names(root: Path) -> set[str]:
    return {file.name.removeprefix("a.safetensors") for file in (root / "loras").iterdir()}


def test_while_it_is_written_its_name_holds_the_lease_and_then_no_more(root):
    with begin(root, Holder(7)):
        assert names(root) == {".7.part", ".7.part.state"}
        assert partial_bytes(root, MODEL) == 60
    assert names(root) == {".part", ".part.state"}
    assert partial_bytes(root, MODEL) == 60


@pytest.mark.parametrize("identity", [PROMISED, UNPROMISED], ids=["promised", "unpromised"])
def test_what_was_closed_in_peace_is_continued_under_any_lease(root, identity):
    begin(root, Holder(7), identity).close()
    with Partial(root, MODEL, Holder(9).fence) as partial:
        assert partial.adopt(identity)
        assert partial.bytes_done == 60
        assert names(root) == {".9.part", ".9.part.state"}


def test_what_was_begun_before_there_were_leases_is_continued(root):
    partial = Partial(root, MODEL)
    partial.adopt(UNPROMISED)
    partial.write(partial.generation, 0, Buffer.of(b"x" * 60))
    partial.close()
    with Partial(root, MODEL, Holder(1).fence) as taken_up:
        assert taken_up.adopt(UNPROMISED)
        assert taken_up.bytes_done == 60


def test_the_same_file_goes_on_where_the_host_promises_a_sha256_though_a_frozen_worker_has_it_locked(root):
    frozen = begin(root, Holder(7))
    inode = (root / "loras/a.safetensors.7.part").stat().st_ino
    take_from_earlier(root, MODEL, Holder(9).fence)
    assert names(root) == {".9.part", ".9.part.state"}
    with Partial(root, MODEL, Holder(9).fence) as partial:
        assert partial.adopt(PROMISED)
        assert (partial.bytes_done, (root / partial.part).stat().st_ino) == (60, inode)
    frozen.close()


def test_another_file_is_begun_where_no_host_promises_a_sha256(root):
    frozen = begin(root, Holder(7), UNPROMISED)
    take_from_earlier(root, MODEL, Holder(9).fence)
    assert names(root) == set()
    with Partial(root, MODEL, Holder(9).fence) as partial:
        assert partial.adopt(UNPROMISED)
        assert partial.bytes_done == 0
        assert frozen.write(frozen.generation, 0, Buffer.of(b"late"))
        assert (root / partial.part).stat().st_size == 0
    frozen.close()
    assert names(root) == {".part", ".part.state"}


def test_one_that_wakes_up_after_its_file_was_taken_publishes_nothing(root):
    holder = Holder(7)
    frozen = begin(root, holder)
    with Partial(root, MODEL, Holder(9).fence):
        with pytest.raises(FileNotFoundError):  # its own clock has not noticed yet
            frozen.publish(replace=False)
        holder.lost = True
        with pytest.raises(Stopped):
            frozen.publish(replace=False)
        assert not frozen.write(frozen.generation, 60, Buffer.of(b"late"))
        frozen.close()
        assert names(root) == {".9.part", ".9.part.state"}


def test_one_that_starts_over_late_does_not_cut_the_file_that_another_one_has(root):
    frozen = begin(root, Holder(7))
    with Partial(root, MODEL, Holder(9).fence) as partial:
        frozen.start_over(PROMISED)
        assert (root / partial.part).stat().st_size == 60
        frozen.discard()
        frozen.close()
    assert partial_bytes(root, MODEL) == 60


def test_an_earlier_holder_touches_nothing_of_a_later_one(root):
    with begin(root, Holder(9)):
        with pytest.raises(Stopped):
            Partial(root, MODEL, Holder(7).fence)
        discard_partial(root, MODEL, Holder(7).fence)
        assert names(root) == {".9.part", ".9.part.state"}


def test_a_holder_throws_away_what_a_frozen_one_has_locked(root):
    frozen = begin(root, Holder(7))
    discard_partial(root, MODEL, Holder(9).fence)
    assert names(root) == set()
    frozen.close()


def test_on_one_machine_what_was_left_under_a_lease_is_continued(root):
    """A workspace that went back from PostgreSQL to SQLite."""
    left = begin(root, Holder(7), UNPROMISED)
    os.close(left.handle)  # its process is dead
    with Partial(root, MODEL) as partial:
        assert partial.adopt(UNPROMISED)
        assert partial.bytes_done == 60
        assert names(root) == {".part", ".part.state"}
