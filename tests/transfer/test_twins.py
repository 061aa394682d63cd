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
from tests.fakehub import FakeHub, File
from tests.hostile.kernel import refusing
from tests.transfer.conftest import Bringer, Brought

MODEL = "vae/a.safetensors"
TWIN = "checkpoints/b.safetensors"
SIZE = 6_000_000


@pytest.fixture
def file(hub: FakeHub) -> File:
    return hub.add_file("org/repo", MODEL, size=SIZE)


@pytest.fixture
def twin(file: File, bring: Bringer) -> Path:
    """The same bytes, installed under another name."""
    assert bring(file, TWIN).published
    file.hub.log.clear()
    return bring.root / TWIN


def bring_beside(bring: Bringer, file: File, twin: Path, *, replace: bool = False, **options: object) -> Brought:
    twins = ((twin.parent.parent, TWIN),)
    return bring(file, MODEL, wanted={"twins": twins, "replace": replace}, **options)  # type: ignore[arg-type]


def test_the_same_bytes_are_linked_and_nothing_is_fetched(file: File, twin: Path, bring: Bringer) -> None:
    brought = bring_beside(bring, file, twin)
    assert brought.published
    assert (brought.published.sha256, brought.published.fetched_bytes) == (file.sha256, 0)
    assert (brought.published.verified, brought.published.mtime_ns) == (True, twin.stat().st_mtime_ns)
    assert f"link to {TWIN}" in brought.published.warnings[0]
    assert file.hub.asked(origin="cdn") == []
    assert bring.on_disk() == {MODEL: SIZE, TWIN: SIZE}
    assert (bring.root / MODEL).samefile(twin)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda twin: twin.write_bytes(b"x" * SIZE),
        lambda twin: os.truncate(twin, SIZE - 1),
        lambda twin: twin.unlink(),
        lambda twin: (twin.rename(twin.with_suffix(".x")), twin.symlink_to(twin.with_suffix(".x"))),
    ],
    ids=["other bytes", "shorter", "gone", "a symlink"],
)
def test_a_twin_that_is_none_is_left_alone_and_the_file_is_fetched(
    spoil: Callable[[Path], object], file: File, twin: Path, bring: Bringer
) -> None:
    spoil(twin)
    brought = bring_beside(bring, file, twin)
    assert brought.published
    assert (brought.published.sha256, brought.published.fetched_bytes) == (file.sha256, SIZE)
    assert not twin.exists() or not (bring.root / MODEL).samefile(twin)
    assert not any(name.endswith((".link", ".part")) for name in bring.on_disk())


def test_a_twin_of_a_file_without_a_known_hash_is_not_looked_at(hub: FakeHub, file: File, bring: Bringer) -> None:
    assert bring(file, TWIN).published
    plain = hub.add_document("a.safetensors", size=SIZE)
    brought = bring_beside(bring, plain, bring.root / TWIN)
    assert brought.published
    assert brought.published.fetched_bytes == SIZE


def test_what_was_begun_is_given_up_for_the_link_and_the_twin_keeps_its_bytes(
    file: File, twin: Path, bring: Bringer
) -> None:
    assert bring(file, MODEL, tick=lambda progress: progress.bytes_done < 1).stopped
    assert bring_beside(bring, file, twin).published
    assert bring.on_disk() == {MODEL: SIZE, TWIN: SIZE}


def test_a_link_replaces_what_stands_there_only_when_asked_to(file: File, twin: Path, bring: Bringer) -> None:
    (bring.root / "vae").mkdir()
    (bring.root / MODEL).write_text("mine")
    assert bring_beside(bring, file, twin).reason == "path_conflict"
    assert (bring.root / MODEL).read_text() == "mine"
    for _ in range(2):  # the second time it is a link already
        assert bring_beside(bring, file, twin, replace=True).published
        assert (bring.root / MODEL).samefile(twin)
        assert bring.on_disk() == {MODEL: SIZE, TWIN: SIZE}


@pytest.mark.parametrize("elsewhere", [False, True])
def test_stopping_leaves_only_the_twin(elsewhere: bool, file: File, twin: Path, bring: Bringer, far: Path) -> None:
    where = move(twin, far) if elsewhere else twin

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


def move(twin: Path, place: Path) -> Path:
    target = place / TWIN
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(twin, target))


def test_the_same_bytes_on_another_file_system_are_copied(file: File, twin: Path, bring: Bringer, far: Path) -> None:
    brought = bring_beside(bring, file, move(twin, far))
    assert brought.published
    assert (brought.published.sha256, brought.published.fetched_bytes) == (file.sha256, 0)
    assert f"copy of {TWIN}" in brought.published.warnings[0]
    assert bring.on_disk() == {MODEL: SIZE}
    assert file.hub.asked(origin="cdn") == []


def test_a_copy_continues_what_was_begun_and_checks_the_disk(file: File, twin: Path, bring: Bringer, far: Path) -> None:
    away = move(twin, far)
    assert bring_beside(bring, file, away, disk_reserve=1 << 60).reason == "disk_full"
    assert bring(file, MODEL, tick=lambda progress: progress.bytes_done < 1).stopped
    assert bring_beside(bring, file, away).published
    assert bring.on_disk() == {MODEL: SIZE}


def test_a_disk_that_fills_up_under_a_copy_says_how_much_is_missing(
    file: File, twin: Path, bring: Bringer, far: Path
) -> None:
    away, brought = move(twin, far), []
    refusing(errno.ENOSPC, "pwritev", lambda: brought.append(bring_beside(bring, file, away)), from_byte=SIZE // 2)
    [refused] = brought
    assert refused.reason == "disk_full"
    assert refused.refusal
    assert refused.refusal.missing_bytes > 0
    assert "MB more must be free" in str(refused.refusal)


def test_a_spoilt_copy_is_fetched_instead(file: File, twin: Path, bring: Bringer, far: Path) -> None:
    away = move(twin, far)
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
    from downloads.transfer.part.local_copy import Twin

    bring = Bringer(hub, cloning / "models")
    assert bring(file, TWIN).published
    free = os.statvfs(cloning).f_bfree
    with Partial(bring.root, MODEL) as partial:
        partial.adopt(Identity("x", SIZE, file.sha256))
        twin = Twin(bring.root, TWIN)
        twin.fill(partial)
        twin.close()
        assert (partial.bytes_done, twin.read) == (SIZE, 0)
    assert (bring.root / (MODEL + ".part")).read_bytes() == (bring.root / TWIN).read_bytes()
    assert (free - os.statvfs(cloning).f_bfree) * 4096 < SIZE // 2
