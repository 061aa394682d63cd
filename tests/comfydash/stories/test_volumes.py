"""serve on volumes that lack something."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.comfydash.serving import ROOT, serving
from tests.volumes.refusing import refusing


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EBADF, errno.EPERM, errno.EIO])
def test_serve_runs_without_flock_warns_once_and_follows_a_killed_one(tmp_path: Path, code: int) -> None:
    volume = refusing(flock=code, link=errno.EPERM, folder_fsync=errno.EINVAL)
    with serving(tmp_path, **volume) as serve:
        serve.wait_until_healthy()
        assert serve.output.count("has no file locks") == 1
        with serving(tmp_path, **volume) as second:
            assert second.wait() == 1
            assert "already runs" in second.output
        serve.process.kill()
        serve.wait()
    with serving(tmp_path, **volume) as again:
        again.wait_until_healthy()
        assert again.stop() == 0
        assert "Traceback" not in again.output
    assert list((tmp_path / "data").glob("serve-*.held")) == []


def test_a_worker_that_is_killed_is_followed_without_flock(tmp_path: Path) -> None:
    with serving(tmp_path, **refusing(flock=errno.ENOLCK)) as serve:
        serve.wait_until_healthy()
        os.kill(serve.child("worker"), signal.SIGKILL)
        serve.wait_for_line("It starts again")
        serve.wait_until_healthy()
        assert serve.stop() == 0


@pytest.mark.parametrize(
    ("codes", "environment", "why"),
    [
        ({"flock": errno.ENOLCK, "fcntl": errno.ENOLCK}, {}, "knows no locks at all"),
        ({"fcntl": errno.EIO}, {}, "knows no locks at all"),
        ({"fcntl": errno.EIO}, {"DATABASE_URL": "postgres://u@127.0.0.1:1/x"}, "knows no locks at all"),
        ({"pwrite": errno.ESPIPE}, {}, "cannot write into the middle of a file"),
    ],
    ids=str,
)
def test_where_no_database_can_live_a_sentence_names_the_variable(
    tmp_path: Path, codes: dict[str, int], environment: dict[str, str], why: str
) -> None:
    with serving(tmp_path, **refusing(**codes), **environment) as serve:
        assert serve.wait() == 1
        assert why in serve.output
        assert "COMFYDASH_DATA_DIR to a folder on a local disk" in serve.output
        assert "Traceback" not in serve.output


def modes(folder: Path) -> dict[str, int]:
    return {
        file.name: stat.S_IMODE(file.stat().st_mode)
        for file in folder.iterdir()
        if file.is_file() and file.stat().st_size
    }


def test_what_a_command_makes_is_private_and_serve_mends_what_was_not(tmp_path: Path) -> None:
    environment = {"COMFYDASH_WORKSPACE": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = "import os, runpy, sys; os.umask(0o022); sys.argv = ['manage.py', 'migrate', '-v', '0']; "
    command += "runpy.run_path('manage.py', run_name='__main__')"
    subprocess.run([sys.executable, "-c", command], cwd=ROOT, env=environment, check=True)
    data, logs = tmp_path / "data", tmp_path / "logs"
    assert {name: mode for name, mode in modes(data).items() if mode != 0o600} == {}
    assert "dashboard.db" in modes(data)
    logs.mkdir(exist_ok=True)
    (logs / "comfydash.log.1").write_text("old\n")
    for file in (*data.iterdir(), *logs.iterdir()):
        file.chmod(0o644)
    (data / ".templates.killed").write_text("half")
    (data / ".workflows.json.1-0123abcd.new").write_text("half")
    (data / "salvage-killed").mkdir()
    (data / "salvage-killed" / "copy.db").write_text("a whole database")
    with serving(tmp_path) as serve:
        serve.wait_until_healthy()
        assert {name: mode for name, mode in modes(data).items() if mode != 0o600 and "json" not in name} == {}
        assert {name: mode for name, mode in modes(logs).items() if mode != 0o600} == {}
        serve.wait_for_line("unfinished files of writers")
        assert not (data / ".templates.killed").exists()
        assert not (data / "salvage-killed").exists()
        assert serve.stop() == 0


def test_serve_runs_where_only_the_log_cannot_be_written(tmp_path: Path) -> None:
    """What is left of a workspace on rclone without a write cache, once the data folder is on a disk."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "comfydash.log").symlink_to("/dev/full")
    with serving(tmp_path) as serve:
        serve.wait_until_healthy()
        assert serve.stop() == 0
        assert "comfydash.log cannot be written (No space left on device)" in serve.output
        assert "Traceback" not in serve.output
