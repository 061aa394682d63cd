"""Names from outside: hundreds of ways to leave the models folder, none of which works."""

from __future__ import annotations

import itertools
import os
import threading
import unicodedata
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

ALLOWED = [
    "vae/a.safetensors",
    "text_encoders/PixArt-XL-2-1024-MS/text_encoder/model-00001-of-00002.safetensors",
    "checkpoints/Größe 1.ckpt",
    "a.gguf",
    "loras/日本語.safetensors",
    "diffusers/x/config.json",
    "loras/a..b.safetensors",
    "controlnet/control.v2.pth",
    "vae/v1.0 (fp16)[x].SAFETENSORS",
]

CLIMBS = [
    "..",
    "../..",
    "../../..",
    "a/..",
    "a/../..",
    "./..",
    ".",
    "",
    "a//b",
    "a/./b",
    "…/..",
    "..\u200b",
    ". .",
    "...",
]
SLASHES = ["\\", "\u2215", "\u2044", "\uff0f", "\u29f8", "\uff3c", "\u2216", "%2f\\"]
STARTS = [
    "/",
    "//",
    "///",
    "\\",
    "\\\\server\\share\\",
    "\\\\?\\C:\\",
    "C:",
    "C:/",
    "c:\\",
    "~",
    "~/",
    "~root/",
    "file:///",
]
CONTROLS = [
    chr(code) for code in (*range(32), 127, 0x85, 0xA0 - 1, 0x200B, 0x200E, 0x202E, 0x2028, 0xFEFF, 0xE000, 0xD800)
]
DEVICES = ["con", "PRN", "aux", "NUL", "COM1", "com9", "LPT1", "lpt9", "CONIN$", "conout$", "COM¹", "NUL.x"]
ENDINGS = [
    ".exe",
    ".sh",
    ".py",
    ".so",
    ".html",
    ".part",
    ".part.state",
    "",
    ".",
    ".safetensors.",
    ".safetensors ",
    ".SafeTensorsX",
]

FORBIDDEN = [
    *(f"{climb}/etc/a.safetensors" for climb in CLIMBS),
    *(f"vae/{climb}/a.safetensors" for climb in CLIMBS),
    *(f"vae/{climb}" for climb in CLIMBS),
    *(f"vae/..{slash}..{slash}a.safetensors" for slash in SLASHES),
    *(f"vae{slash}a.safetensors" for slash in SLASHES),
    *(f"{start}a.safetensors" for start in STARTS),
    *(f"{start}etc/vae/a.safetensors" for start in STARTS),
    *(f"vae/a{control}.safetensors" for control in CONTROLS),
    *(f"va{control}e/a.safetensors" for control in CONTROLS),
    *(f"vae/a.safetensors{control}" for control in CONTROLS),
    *(f"{device}/a.safetensors" for device in DEVICES),
    *(f"vae/{device}.safetensors" for device in DEVICES),
    *(f"vae/a{ending}" for ending in ENDINGS),
    *(f"vae{blank}/a.safetensors" for blank in (" ", ".", "\u3000", "\u00a0", "\t")),
    *(f"{blank}vae/a.safetensors" for blank in (" ", "\u3000", "\u00a0", "\t")),
    *(f"vae/{sign}a.safetensors" for sign in '<>:"|?*'),
    *(f"{sign}/a.safetensors" for sign in '<>:"|?*'),
    "vae/.hidden.safetensors",
    ".git/a.safetensors",
    "vae/\uff0e\uff0e/a.safetensors",
    "vae/\u2024\u2024/a.safetensors",
    "vae/\ufe52\ufe52/a.safetensors",
    "vae/" + "a" * 250 + ".safetensors",
    "vae/" + "ä" * 130 + ".safetensors",
    "/".join(["a" * 100] * 12) + "/a.safetensors",
    "",
    " ",
    "a.safetensors:stream",
    "vae/a.safetensors::$DATA.safetensors",
]  # fmt: skip


def test_there_are_enough_cases() -> None:
    assert len(set(FORBIDDEN)) >= 250


@pytest.mark.parametrize("path", ALLOWED)
def test_real_paths_are_taken(path: str) -> None:
    assert parse_model_path(path) == path


@pytest.mark.parametrize("path", FORBIDDEN, ids=ascii)
def test_a_path_that_could_leave_is_refused(path: str) -> None:
    with pytest.raises(TransferError) as refused:
        parse_model_path(path)
    assert refused.value.reason == "forbidden_path"
    assert str(refused.value).isprintable()


def test_normal_forms_become_one() -> None:
    decomposed = unicodedata.normalize("NFD", "vae/Größe.safetensors")
    assert decomposed != "vae/Größe.safetensors"
    assert parse_model_path(decomposed) == "vae/Größe.safetensors"


@given(st.text(max_size=60), st.sampled_from(["", "vae/", "../", "/"]))
def test_whatever_is_taken_stays_inside(text: str, prefix: str) -> None:
    try:
        path = parse_model_path(prefix + text + ".safetensors")
    except TransferError as refusal:
        assert refusal.reason == "forbidden_path"
    else:
        assert os.path.normpath(path) == path
        assert not path.startswith(("/", ".."))


# --- on the disk ----------------------------------------------------------------------------------------------------


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
