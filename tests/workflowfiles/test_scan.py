from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.workflows import make
from workflowfiles import scan_bytes, scan_file

UI = json.dumps(make.ui(make.node("VAELoader", ("from-workflow.pt",)))).encode()


def test_a_file_is_scanned_like_its_bytes(tmp_path: Path):
    for name, data in (("a.json", UI), ("b.png", make.png((b"tEXt", b"workflow\0" + UI)))):
        (tmp_path / name).write_bytes(data)
        assert scan_file(tmp_path / name) == scan_bytes(data)


@pytest.mark.parametrize("name", ["missing.json", "nul\0.json", "."])
def test_a_file_that_cannot_be_opened_is_unreadable(tmp_path: Path, name: str):
    found = scan_file(tmp_path / name)
    assert found.kind == "unreadable"
    assert "Check the file" in found.error
