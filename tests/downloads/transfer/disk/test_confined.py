"""Names from outside: hundreds of ways to leave the models folder, none of which works."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from downloads.transfer import (
    TransferError,
    delete_confined,
    discard_partial,
    link_confined,
    move_confined,
    open_confined,
    parse_model_path,
    partial_bytes,
    stat_confined,
)


@given(st.text(max_size=60), st.sampled_from(["", "vae/", "../", "/"]))
def test_whatever_is_taken_stays_inside(text: str, prefix: str) -> None:
    try:
        path = parse_model_path(prefix + text + ".safetensors")
    except TransferError as refusal:
        assert refusal.reason == "forbidden_path"
    else:
        assert os.path.normpath(path) == path
        assert not path.startswith(("/", ".."))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A models folder with ways out of it, and something outside that must not be touched."""
    root = tmp_path / "models"
    (root / "vae").mkdir(parents=True)
    (root / "vae" / "a.safetensors").write_bytes(b"model")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.safetensors").write_bytes(b"secret")
    (root / "out").symlink_to(outside)
    (root / "up").symlink_to("..")
    (root / "vae" / "up2").symlink_to("../..")
    (root / "vae" / "abs").symlink_to("/")
    (root / "chain").symlink_to("vae/up2")
    (root / "loop").symlink_to("loop")
    (root / "vae" / "link.safetensors").symlink_to(outside / "secret.safetensors")
    (root / "inside").symlink_to("vae")
    (root / "absinside").symlink_to(root / "vae")
    return root


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


WAYS_OUT = [
    "out",
    "up",
    "vae/up2",
    "vae/abs",
    "chain",
    "loop",
    "inside/up2",
    "inside/up2/outside",
    "up/outside",
    "absinside/abs",
]


ATTEMPTS: dict[str, Callable[[Path, str], object]] = {
    "write": lambda root, path: os.close(open_confined(root, path, os.O_WRONLY | os.O_CREAT, create_folders=True)),
    "delete": delete_confined,
    "move away": lambda root, path: move_confined(root, path, "vae/stolen.safetensors"),
    "move to": lambda root, path: move_confined(root, "vae/a.safetensors", path, replace=True),
    "link away": lambda root, path: link_confined(root, path, "vae/stolen.safetensors"),
    "link to": lambda root, path: link_confined(root, "vae/a.safetensors", path),
    "discard": discard_partial,
}


@pytest.mark.parametrize(("way", "attempt"), list(itertools.product(WAYS_OUT, ATTEMPTS)))
def test_no_symlink_leads_out(way: str, attempt: str, root: Path, tmp_path: Path) -> None:
    with pytest.raises((TransferError, FileNotFoundError)):
        ATTEMPTS[attempt](root, f"{way}/secret.safetensors")
        raise FileNotFoundError  # nothing there to delete is fine too
    assert (tmp_path / "outside" / "secret.safetensors").read_bytes() == b"secret"
    assert names(tmp_path) == ["models", "outside"]
    assert names(tmp_path / "outside") == ["secret.safetensors"]
    assert not (root / "vae" / "stolen.safetensors").exists()


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "", "a//b", ".", "vae/..", "a\0b"])
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_unparsed_paths_do_not_lead_out_either(path: str, attempt: str, root: Path) -> None:
    with pytest.raises(TransferError) as refused:
        ATTEMPTS[attempt](root, path)
    assert refused.value.reason == "forbidden_path"


def test_a_symlinked_file_is_neither_written_nor_followed(root: Path, tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="symlink"):
        open_confined(root, "vae/link.safetensors", os.O_WRONLY)
    assert delete_confined(root, "vae/link.safetensors")
    assert (tmp_path / "outside" / "secret.safetensors").read_bytes() == b"secret"


@pytest.mark.parametrize("folder", ["inside", "absinside"])
def test_symlinks_that_stay_inside_are_followed(folder: str, root: Path) -> None:
    handle = open_confined(root, f"{folder}/sub/b.safetensors", os.O_WRONLY | os.O_CREAT, create_folders=True)
    os.close(handle)
    assert (root / "vae" / "sub" / "b.safetensors").exists()


def test_the_root_itself_may_be_a_symlink(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(root)
    assert stat_confined(tmp_path / "elsewhere", "vae/a.safetensors")
    (tmp_path / "elsewhere").unlink()


def test_a_folder_swapped_for_a_symlink_in_between_wins_nothing(root: Path, tmp_path: Path) -> None:
    """One thread swaps a folder and a symlink to outside as fast as it can, the other writes through it."""
    (root / "swap").mkdir()
    (root / "trap").symlink_to(tmp_path / "outside")
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            (root / "swap").rename(root / "folder")
            (root / "trap").rename(root / "swap")
            (root / "swap").rename(root / "trap")
            (root / "folder").rename(root / "swap")

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for number in range(2000):
            try:
                path = f"swap/{number}.safetensors"
                os.close(open_confined(root, path, os.O_WRONLY | os.O_CREAT))
                delete_confined(root, "swap/secret.safetensors")
            except (TransferError, FileNotFoundError):
                continue
    finally:
        over.set()
        swapper.join()
    assert names(tmp_path / "outside") == ["secret.safetensors"]


def test_a_fifo_in_the_way_hangs_nobody(root: Path) -> None:
    os.mkfifo(root / "vae" / "pipe.safetensors.part")
    with pytest.raises(TransferError, match="in the way"):
        open_confined(root, "vae/pipe.safetensors.part", os.O_RDWR)
    assert partial_bytes(root, "vae/pipe.safetensors") == 0


def test_a_file_where_a_folder_should_be_is_named(root: Path) -> None:
    with pytest.raises(TransferError, match=r"a\.safetensors") as refused:
        open_confined(root, "vae/a.safetensors/b.safetensors", os.O_WRONLY | os.O_CREAT, create_folders=True)
    assert refused.value.reason == "path_conflict"


def test_move_makes_folders_and_replaces_nothing_unasked(root: Path) -> None:
    move_confined(root, "vae/a.safetensors", "new/deep/b.safetensors")
    assert (root / "new/deep/b.safetensors").read_bytes() == b"model"
    (root / "vae/c.safetensors").write_bytes(b"other")
    with pytest.raises(TransferError, match="in the way"):
        move_confined(root, "vae/c.safetensors", "new/deep/b.safetensors")
    move_confined(root, "vae/c.safetensors", "new/deep/b.safetensors", replace=True)
    assert (root / "new/deep/b.safetensors").read_bytes() == b"other"


def test_link_gives_a_second_name(root: Path) -> None:
    assert link_confined(root, "vae/a.safetensors", "other/b.safetensors") == "hard"
    assert (root / "other/b.safetensors").samefile(root / "vae/a.safetensors")
    with pytest.raises(TransferError, match="in the way"):
        link_confined(root, "vae/a.safetensors", "other/b.safetensors")
    with pytest.raises(TransferError, match="no regular file"):
        link_confined(root, "vae/link.safetensors", "other/c.safetensors")
