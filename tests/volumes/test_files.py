"""Small files are replaced whole, on volumes that lack this and that, and no draft stays."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from tests.volumes.refusing import refusing, run, start
from volumes.files import OLD, keeps_modes, rename_over, sweep_drafts, takes_random_writes, write_whole
from volumes.names import folded, ignores_case

WRITE = """
import sys
from pathlib import Path
from volumes.files import write_whole
file = Path(sys.argv[1])
write_whole(file, b"one", mode=0o666, durable=True)
write_whole(file, b"two", mode=0o666, durable=True)
print(file.read_text(), sorted(each.name for each in file.parent.iterdir()))
"""


FOLDER_SYNC = [errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.ENOSYS]


@pytest.mark.parametrize("code", FOLDER_SYNC)
def test_a_folder_that_cannot_be_flushed_fails_no_write(tmp_path: Path, code: int) -> None:
    assert run(WRITE, tmp_path / "x", **refusing(folder_fsync=code)) == "two ['x']"


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_what_is_about_the_bytes_is_never_forgiven(tmp_path: Path, code: int) -> None:
    process = start(WRITE + "\n", tmp_path / "x", **refusing(folder_fsync=code))
    process.communicate()
    assert process.returncode == 1


@pytest.mark.parametrize(
    "codes", [{"replace": errno.EEXIST}, {"replace": errno.EPERM}, {"chmod": errno.EPERM}, {"link": errno.EIO}], ids=str
)
def test_a_file_is_replaced_where_names_are_not_or_modes_are_refused(tmp_path: Path, codes: dict[str, int]) -> None:
    assert run(WRITE, tmp_path / "x", **refusing(**codes)) == "two ['x']"


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "inside").touch()
    with pytest.raises(OSError):  # a folder is in the way
        write_whole(tmp_path / "x", b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_drafts_of_killed_writers_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    dead = start("import os; print(os.getpid())")
    pid = dead.communicate()[0].strip()
    living = f".a.json.{os.getpid()}-1234abcd.new"
    for name in (f".a.json.{pid}-1234abcd.new", living, ".templates.xyz", ".keep", "b.new"):
        (tmp_path / name).touch()
    assert sweep_drafts([tmp_path], (".templates.",)) == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == [living, ".keep", "b.new"]


def test_hidden_files_of_the_owner_are_never_taken_for_drafts(tmp_path: Path) -> None:
    """The catalogue may lie in a home folder."""
    owned = [".bashrc.new", ".config.old.new", ".1-2.new", ".x.12-34.new", "presets.yaml.old", ".x.lock.held.mine"]
    for name in owned:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (5, 5))
    assert sweep_drafts([tmp_path]) == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(owned)


def test_what_a_lock_left_goes_when_it_is_old(tmp_path: Path) -> None:
    old, new = (tmp_path / f".worker.lock.held.{digit * 16}" for digit in "ab")
    old.touch()
    new.touch()
    os.utime(old, (5, 5))
    assert sweep_drafts([tmp_path]) == 1
    assert [file.name for file in tmp_path.iterdir()] == [new.name]


def test_a_file_that_stepped_aside_gets_its_name_back(tmp_path: Path) -> None:
    """Killed between the two renames, where a volume replaces no names."""
    (tmp_path / f"presets.yaml{OLD}").write_text("the old one")
    (tmp_path / "whole").write_text("the new one")
    (tmp_path / f"whole{OLD}").write_text("the old one")
    sweep_drafts([tmp_path])
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "presets.yaml": "the old one",
        "whole": "the new one",
    }


def test_a_folder_is_never_moved_out_of_the_way(tmp_path: Path) -> None:
    program = """
import sys
from volumes.files import rename_over
try:
    rename_over(sys.argv[1], sys.argv[2])
except OSError as error:
    print(error.errno)
"""
    (tmp_path / "new").touch()
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    found = run(program, tmp_path / "new", tmp_path / "folder", **refusing(replace=errno.EEXIST))
    assert found == str(errno.EEXIST)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder", "new"]


def test_a_replacement_takes_away_what_an_earlier_one_left_aside(tmp_path: Path) -> None:
    for name in ("new", "old", f"old{OLD}"):
        (tmp_path / name).write_text(name)
    rename_over(str(tmp_path / "new"), str(tmp_path / "old"))
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("old", "new")]


def test_what_a_volume_can_is_tried_without_leaving_a_file(tmp_path: Path) -> None:
    assert takes_random_writes(tmp_path)
    assert keeps_modes(tmp_path)
    assert keeps_modes(tmp_path / "missing")
    program = """
import sys
from pathlib import Path
from volumes.files import takes_random_writes
print(takes_random_writes(Path(sys.argv[1])))
"""
    for code in (errno.ESPIPE, errno.EPERM, errno.EIO):
        assert run(program, tmp_path, **refusing(pwrite=code)) == "False"
    assert list(tmp_path.iterdir()) == []


def test_a_new_public_file_follows_the_umask_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    program = "import os; os.umask(0o002)\n" + WRITE
    run(program, tmp_path / "x")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o664
    (tmp_path / "x").chmod(0o640)
    run(program, tmp_path / "x")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


def test_asking_about_capital_letters_leaves_nothing(tmp_path: Path) -> None:
    assert not ignores_case(tmp_path)
    assert not ignores_case(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []
    assert folded("VAE/Ä.safetensors") == folded("vae/a\u0308.safetensors")
