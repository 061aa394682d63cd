from __future__ import annotations

import os
from pathlib import Path

import pytest

from volumes.runtime_folder import RuntimeFolder, UnsafeFolder


def test_the_folder_is_private_and_survives_long_temporary_paths(tmp_path):
    folder = RuntimeFolder(tmp_path, run_dir="/tmp/" + "x" * 200)
    folder.make()
    try:
        assert folder.path.parent == Path("/tmp")
        assert folder.path.stat().st_mode & 0o777 == 0o700
        assert len(os.fsencode(folder.path)) < 75
    finally:
        folder.path.rmdir()


def test_a_folder_that_others_may_write_into_is_not_used(tmp_path):
    folder = RuntimeFolder(tmp_path)
    folder.make()
    folder.path.chmod(0o777)
    try:
        with pytest.raises(UnsafeFolder):
            folder.make()
        (folder.path / "1-a.sock").touch()
        assert folder.sockets() == []
    finally:
        (folder.path / "1-a.sock").unlink()
        folder.path.rmdir()
