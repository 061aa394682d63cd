"""Installs onto volumes that lack something: done where it can be done, else named, with nothing lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from downloads.transfer.disk.space import UNKNOWN, disk_space
from tests.downloads.transfer.conftest import Bringer
from tests.fakehub import FakeHub
from tests.volumes.refusing import ROOT, refusing

MODEL = "vae/a.safetensors"
BRING = """
import json, os, sys
from pathlib import Path
from downloads.transfer import Options, TransferError, Wanted, fetch
url, hub, root, umask = sys.argv[1:]
os.umask(int(umask, 8))
options = Options(hub_endpoint=hub, allow_private_hosts=True, retry_base=0.01)
said = ""
for replace in (False, True):
    try:
        fetch(Wanted(url, Path(root), "vae/a.safetensors", replace=replace), options, lambda progress: True)
    except TransferError as refusal:
        said = f"{refusal.reason}: {refusal}"
        break
there = [str(file.relative_to(root)) for file in Path(root).rglob("*") if file.is_file()]
print(json.dumps([said, sorted(there)]))
"""


def bring(hub: FakeHub, root: Path, *before: str, umask: str = "022", **environment: str) -> tuple[str, list[str]]:
    url = hub.add_file("org/repo", MODEL, size=3_000_000).url
    done = subprocess.run(
        [*before, sys.executable, "-c", BRING, url, hub.url, str(root), umask],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    )
    said, there = json.loads(done.stdout.splitlines()[-1])
    return said, there


@pytest.mark.parametrize(
    "codes",
    [
        *({"folder_fsync": code} for code in (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.ENOSYS)),
        *({"flock": code} for code in (errno.ENOLCK, errno.ENOSYS, errno.EBADF, errno.EPERM, errno.EINVAL)),
        {"replace": errno.EEXIST},
        {"link": errno.EPERM, "chmod": errno.EPERM, "utime": errno.EPERM, "symlink": errno.EPERM},
    ],
    ids=str,
)
def test_an_install_and_its_replacement_succeed(hub: FakeHub, root: Path, codes: dict[str, int]) -> None:
    assert bring(hub, root, **refusing(**codes)) == ("", [MODEL])


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_folder_whose_flush_fails_in_earnest_fails_the_install(hub: FakeHub, root: Path, code: int) -> None:
    said, _ = bring(hub, root, **refusing(folder_fsync=code))
    assert said


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_bytes_that_do_not_reach_the_disk_fail_the_install_and_leave_no_draft(
    hub: FakeHub, root: Path, code: int
) -> None:
    said, there = bring(hub, root, **refusing(file_fsync=code))
    assert said.startswith("not_writable" if code == errno.EIO else "disk_full")
    assert set(there) <= {f"{MODEL}.part", f"{MODEL}.part.state"}


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP, errno.EINVAL, errno.EBADF, errno.ESPIPE])
def test_a_volume_without_random_writes_is_named(hub: FakeHub, root: Path, code: int) -> None:
    said, _ = bring(hub, root, **refusing(pwrite=code))
    assert "cannot write into the middle of a file" in said
    assert "--vfs-cache-mode writes" in said


@pytest.mark.parametrize(("mode", "works"), [("writes", True), ("off", False)])
def test_rclone_with_and_without_a_write_cache(hub: FakeHub, tmp_path: Path, mode: str, works: bool) -> None:
    if not shutil.which("rclone") or not Path("/dev/fuse").exists() or os.geteuid() != 0:
        pytest.skip("rclone, /dev/fuse and the right to mount are needed")
    for name in ("bucket", "volume", "cache"):
        (tmp_path / name).mkdir()
    script = (
        f"rclone mount --config '' --cache-dir {tmp_path}/cache --vfs-cache-mode {mode} --daemon "
        f"{tmp_path}/bucket {tmp_path}/volume || exit 77\n"
        '"$@"; "$@"; status=$?\n'  # what the first try leaves must not change what is said of the second
        f"umount {tmp_path}/volume; exit $status"
    )
    try:
        said, there = bring(hub, tmp_path / "volume" / "models", "unshare", "-m", "sh", "-c", script, "sh")
    except subprocess.CalledProcessError as error:
        if error.returncode != 77:
            raise
        pytest.skip("rclone cannot mount on this machine")
    if works:
        assert (said, there) == ("", [MODEL])
    else:
        assert "cannot write into the middle of a file" in said
        assert MODEL not in there


@pytest.mark.parametrize(("umask", "file", "folder"), [("002", 0o664, 0o775), ("077", 0o600, 0o700)])
def test_the_umask_decides_who_reads_models(hub: FakeHub, root: Path, umask: str, file: int, folder: int) -> None:
    assert bring(hub, root, umask=umask) == ("", [MODEL])
    assert stat.S_IMODE((root / MODEL).stat().st_mode) == file
    assert stat.S_IMODE((root / MODEL).parent.stat().st_mode) == folder


def test_a_file_of_unknown_size_stops_at_the_reserve(hub: FakeHub, root: Path) -> None:
    """More is to stay free than there is: the first look at the disk while bytes arrive ends it."""
    file = hub.add_document("a.safetensors", size=8_000_000, length=False, ranges=False)
    brought = Bringer(hub, root)(file, disk_reserve=disk_space(root).total * 2)
    assert (brought.reason, brought.published) == ("disk_full", None)


def test_a_disk_that_tells_no_figures_is_not_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = os.statvfs_result((4096, 0, 0, 0, 0, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda place: zeros)
    assert disk_space(tmp_path).free == UNKNOWN
