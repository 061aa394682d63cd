"""The same bytes are here under another name: linked, cloned or copied instead of fetched, once they are proved."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from downloads.transfer import Progress
from tests.downloads.transfer.conftest import Bringer, Brought
from tests.fakehub import FakeHub, File
from tests.hostile.kernel import refusing

MODEL = "vae/a.safetensors"
COPY = "checkpoints/b.safetensors"
SIZE = 6_000_000


@pytest.fixture
def file(hub: FakeHub) -> File:
    return hub.add_file("org/repo", MODEL, size=SIZE)


@pytest.fixture
def copy(file: File, bring: Bringer) -> Path:
    """The same bytes, installed under another name."""
    assert bring(file, COPY).published
    file.hub.log.clear()
    return bring.root / COPY


def bring_beside(bring: Bringer, file: File, copy: Path, *, replace: bool = False, **options: object) -> Brought:
    local_copies = ((copy.parent.parent, COPY),)
    return bring(file, MODEL, wanted={"local_copies": local_copies, "replace": replace}, **options)  # type: ignore[arg-type]


def test_the_same_bytes_are_linked_and_nothing_is_fetched(file: File, copy: Path, bring: Bringer) -> None:
    brought = bring_beside(bring, file, copy)
    assert brought.published
    assert (brought.published.sha256, brought.published.fetched_bytes) == (file.sha256, 0)
    assert (brought.published.verified, brought.published.mtime_ns) == (True, copy.stat().st_mtime_ns)
    assert f"link to {COPY}" in brought.published.warnings[0]
    assert file.hub.asked(origin="cdn") == []
    assert bring.on_disk() == {MODEL: SIZE, COPY: SIZE}
    assert (bring.root / MODEL).samefile(copy)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda copy: copy.write_bytes(b"x" * SIZE),
        lambda copy: os.truncate(copy, SIZE - 1),
        lambda copy: copy.unlink(),
        lambda copy: (copy.rename(copy.with_suffix(".x")), copy.symlink_to(copy.with_suffix(".x"))),
    ],
    ids=["other bytes", "shorter", "gone", "a symlink"],
)
def test_a_copy_that_is_none_is_left_alone_and_the_file_is_fetched(
    spoil: Callable[[Path], object], file: File, copy: Path, bring: Bringer
) -> None:
    spoil(copy)
    brought = bring_beside(bring, file, copy)
    assert brought.published
    assert (brought.published.sha256, brought.published.fetched_bytes) == (file.sha256, SIZE)
    assert not copy.exists() or not (bring.root / MODEL).samefile(copy)
    assert not any(name.endswith((".link", ".part")) for name in bring.on_disk())


def test_a_copy_of_a_file_without_a_known_hash_is_not_looked_at(hub: FakeHub, file: File, bring: Bringer) -> None:
    assert bring(file, COPY).published
    plain = hub.add_document("a.safetensors", size=SIZE)
    brought = bring_beside(bring, plain, bring.root / COPY)
    assert brought.published
    assert brought.published.fetched_bytes == SIZE


def test_what_was_begun_is_given_up_for_the_link_and_the_copy_keeps_its_bytes(
    file: File, copy: Path, bring: Bringer
) -> None:
    assert bring(file, MODEL, tick=lambda progress: progress.bytes_done < 1).stopped
    assert bring_beside(bring, file, copy).published
    assert bring.on_disk() == {MODEL: SIZE, COPY: SIZE}


def test_a_link_replaces_what_stands_there_only_when_asked_to(file: File, copy: Path, bring: Bringer) -> None:
    (bring.root / "vae").mkdir()
    (bring.root / MODEL).write_text("mine")
    assert bring_beside(bring, file, copy).reason == "path_conflict"
    assert (bring.root / MODEL).read_text() == "mine"
    for _ in range(2):  # the second time it is a link already
        assert bring_beside(bring, file, copy, replace=True).published
        assert (bring.root / MODEL).samefile(copy)
        assert bring.on_disk() == {MODEL: SIZE, COPY: SIZE}


@pytest.mark.parametrize("elsewhere", [False, True])
def test_stopping_leaves_only_the_copy(elsewhere: bool, file: File, copy: Path, bring: Bringer, far: Path) -> None:
    where = move(copy, far) if elsewhere else copy

    def stop(progress: Progress) -> bool:
        return progress.status != "verifying"

    brought = bring_beside(bring, file, where, tick=stop, tick_interval=0.0001)
    assert brought.stopped
    assert MODEL not in bring.on_disk()
    assert not any(name.endswith(".link") for name in bring.on_disk())
    assert bring_beside(bring, file, where, publish=lambda result: False).stopped
    assert MODEL not in bring.on_disk()
    assert bring_beside(bring, file, where).published
    assert file.hub.asked(origin="cdn") == []


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system, to which no hard link leads."""
    place = tmp_path / "far"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(place)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("this machine lets nobody mount a file system")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def move(copy: Path, place: Path) -> Path:
    target = place / COPY
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(copy, target))


def test_the_same_bytes_on_another_file_system_are_copied(file: File, copy: Path, bring: Bringer, far: Path) -> None:
    brought = bring_beside(bring, file, move(copy, far))
    assert brought.published
    assert (brought.published.sha256, brought.published.fetched_bytes) == (file.sha256, 0)
    assert f"copy of {COPY}" in brought.published.warnings[0]
    assert bring.on_disk() == {MODEL: SIZE}
    assert file.hub.asked(origin="cdn") == []


def test_a_copy_continues_what_was_begun_and_checks_the_disk(file: File, copy: Path, bring: Bringer, far: Path) -> None:
    away = move(copy, far)
    assert bring_beside(bring, file, away, disk_reserve=1 << 60).reason == "disk_full"
    assert bring(file, MODEL, tick=lambda progress: progress.bytes_done < 1).stopped
    assert bring_beside(bring, file, away).published
    assert bring.on_disk() == {MODEL: SIZE}


def test_a_disk_that_fills_up_under_a_copy_says_how_much_is_missing(
    file: File, copy: Path, bring: Bringer, far: Path
) -> None:
    away, brought = move(copy, far), []
    refusing(errno.ENOSPC, "pwritev", lambda: brought.append(bring_beside(bring, file, away)), from_byte=SIZE // 2)
    [refused] = brought
    assert refused.reason == "disk_full"
    assert refused.refusal
    assert refused.refusal.missing_bytes > 0
    assert "MB more must be free" in str(refused.refusal)


def test_a_spoilt_copy_is_fetched_instead(file: File, copy: Path, bring: Bringer, far: Path) -> None:
    away = move(copy, far)
    away.write_bytes(b"x" * SIZE)
    brought = bring_beside(bring, file, away)
    assert brought.published
    assert (brought.published.sha256, brought.published.fetched_bytes) == (file.sha256, SIZE)
    assert "its bytes have changed" in brought.published.warnings[0]


@pytest.fixture
def cloning(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that can clone."""
    image, place = tmp_path / "xfs.img", tmp_path / "xfs"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(400 << 20)
    make = shutil.which("mkfs.xfs") or "/sbin/mkfs.xfs"
    for command in ([make, "-q", "-m", "reflink=1", str(image)], ["mount", "-o", "loop", str(image), str(place)]):
        try:
            made = subprocess.run(command, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            made = False
        if not made:
            pytest.skip("this machine makes no file system that can clone")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_where_a_link_is_impossible_a_clone_takes_no_room(hub: FakeHub, file: File, cloning: Path) -> None:
    from downloads.transfer.part.file import Partial
    from downloads.transfer.part.journal import Identity
    from downloads.transfer.part.local_copy import LocalCopy

    bring = Bringer(hub, cloning / "models")
    assert bring(file, COPY).published
    free = os.statvfs(cloning).f_bfree
    with Partial(bring.root, MODEL) as partial:
        partial.adopt(Identity("x", SIZE, file.sha256))
        copy = LocalCopy(bring.root, COPY)
        copy.fill(partial)
        copy.close()
        assert (partial.bytes_done, copy.read) == (SIZE, 0)
    assert (bring.root / (MODEL + ".part")).read_bytes() == (bring.root / COPY).read_bytes()
    assert (free - os.statvfs(cloning).f_bfree) * 4096 < SIZE // 2
