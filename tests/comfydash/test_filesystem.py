from __future__ import annotations

import pytest

from comfydash.filesystem import file_system_type

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:40 / /workspace rw - fuse.mfs mfs rw
31 22 0:41 / /mnt/with\\040space rw - nfs4 server:/x rw
32 30 0:42 / /workspace/local rw master:1 - xfs /dev/sdb rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/me", "ext4"),
        ("/workspace/data", "fuse.mfs"),
        ("/workspace", "fuse.mfs"),
        ("/workspaces", "ext4"),
        ("/workspace/local/data", "xfs"),
        ("/mnt/with space/data", "nfs4"),
    ],
)
def test_the_deepest_mount_that_holds_the_folder_counts(tmp_path, folder, kind):
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(MOUNTS)
    assert file_system_type(folder, mountinfo) == kind


def test_a_system_that_does_not_say_is_no_error(tmp_path):
    assert file_system_type(tmp_path, tmp_path / "none") == ""
