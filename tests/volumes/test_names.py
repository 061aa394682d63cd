from __future__ import annotations

from pathlib import Path

import pytest

from tests.volumes.refusing import run
from volumes.names import ignores_case


def test_a_folder_that_cannot_be_written_is_judged_by_what_lies_there(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from volumes import names
def refuse(*_): raise PermissionError(30, "Read-only file system")
os.open = refuse
folder = Path(sys.argv[1])
real = os.path.lexists
print(names.ignores_case(folder), end=" ")
(folder / "loras").mkdir()
print(names.ignores_case(folder), end=" ")
os.path.lexists = lambda path: real(path) or Path(path).name.lower() in os.listdir(folder)
names._ignores_case.cache_clear()
print(names.ignores_case(folder))
"""
    assert run(program, tmp_path) == "False False True"


def test_where_something_lies_nothing_is_written_to_ask(tmp_path: Path) -> None:
    (tmp_path / "loras").mkdir()
    before = tmp_path.stat().st_mtime_ns
    assert not ignores_case(tmp_path)
    assert tmp_path.stat().st_mtime_ns == before


def test_a_volume_that_deletes_nothing_gets_one_file_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "unlink", refuse)
    folder = tmp_path / "volume"
    folder.mkdir()
    for _ in range(3):
        assert not ignores_case(folder)
    assert len(list(folder.iterdir())) == 1
