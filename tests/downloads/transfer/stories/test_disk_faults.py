"""Disks that are full, read-only, or gone: parked or refused with a sentence, bytes kept, and on it goes later."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from downloads.transfer import Progress, partial_bytes
from tests.downloads.transfer.conftest import Bringer
from tests.fakehub import FakeHub

MODEL = "vae/a.safetensors"
SIZE = 12_000_000


def mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB of its own."""
    place = tmp_path / "volume"
    place.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)):
        pytest.skip("this machine lets nobody mount a file system")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def bring(hub: FakeHub, small: Path) -> Bringer:
    return Bringer(hub, small / "models")


def test_a_file_larger_than_the_disk_is_parked_and_goes_on_when_there_is_room(
    hub: FakeHub, bring: Bringer, small: Path
) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    (small / "ballast").write_bytes(b"x" * 8_000_000)
    brought = bring(file)
    assert brought.refusal
    assert (brought.reason, hub.sent()) == ("disk_full", 0)
    assert 3_000_000 < brought.refusal.missing_bytes < 5_000_000
    (small / "ballast").unlink()
    assert bring(file).published


def test_a_disk_that_fills_up_in_the_middle_keeps_the_bytes(hub: FakeHub, bring: Bringer, small: Path) -> None:
    """No size is known beforehand, so nothing could be set aside."""
    file = hub.add_document("a.safetensors", size=SIZE, length=False, ranges=False)
    (small / "ballast").write_bytes(b"x" * 8_000_000)
    brought = bring(file)
    assert brought.refusal
    assert (brought.reason, "kept" in str(brought.refusal)) == ("disk_full", True)
    assert "at least 100 MB" in str(brought.refusal)
    assert brought.refusal.missing_bytes > 50_000_000
    assert MODEL not in bring.on_disk()
    (small / "ballast").unlink()
    assert bring(file).published


def test_what_was_set_aside_does_not_park_a_resumed_transfer(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    assert bring(file, tick=lambda progress: progress.bytes_done < 1_000_000).stopped
    assert bring(file).published


def test_a_disk_that_becomes_read_only_is_named(hub: FakeHub, bring: Bringer, small: Path) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    assert bring(file, tick=lambda progress: progress.bytes_done < 4_000_000, connections=1).stopped
    kept = partial_bytes(bring.root, MODEL)
    assert mount("-o", "remount,ro", str(small))
    brought = bring(file)
    assert (brought.reason, "read-only" in str(brought.refusal)) == ("not_writable", True)
    assert partial_bytes(bring.root, MODEL) == kept
    assert mount("-o", "remount,rw", str(small))
    again = bring(file)
    assert again.published
    assert again.published.fetched_bytes == SIZE - kept


def test_a_folder_that_vanishes_is_named(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    gate = hub.gate(file, at_byte=5_000_000)

    def vanish(progress: Progress) -> bool:
        if gate.reached.is_set() and not gate.is_open:
            shutil.rmtree(bring.root)
            gate.open()
        return True

    brought = bring(file, tick=vanish)
    assert (brought.reason, "vae/a.safetensors" in str(brought.refusal)) == ("not_writable", True)
    assert bring(file).published
