from __future__ import annotations

import codecs
import json

import pytest

from tests.workflowfiles.reading import names
from tests.workflows import make
from workflowfiles import scan_bytes

UI = json.dumps(make.ui(make.node("VAELoader", ("from-workflow.pt",)))).encode()


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + UI,
        codecs.BOM_UTF16_LE + UI.decode().encode("utf-16-le"),
        codecs.BOM_UTF16_BE + UI.decode().encode("utf-16-be"),
        codecs.BOM_UTF32_LE + UI.decode().encode("utf-32-le"),
        b"\r\n  " + UI + b"\n",
        UI.replace(b'"version": 0.4', b'"version": NaN, "scale": -Infinity'),
    ],
)
def test_faults_of_real_files_are_read(data: bytes):
    assert names(data) == ["vae/from-workflow.pt"]


@pytest.mark.parametrize("document", [[], [1, 2], {}, {"a": 1}, {"nodes": 3}, {"nodes": [1]}, {"prompt": "hello"}])
def test_other_json_is_not_a_workflow(document: object):
    found = scan_bytes(make.dump(document))
    assert (found.kind, found.models) == ("not_workflow", ())
    assert found.error.endswith(".")


@pytest.mark.parametrize(
    "data", [b"", b"hello", b'{"nodes": [', b"\xff\xfe\x00", b"{" + b"\xe9" * 9, b"version https://git"]
)
def test_what_cannot_be_read_says_so(data: bytes):
    found = scan_bytes(data)
    assert (found.kind, found.models) == ("unreadable", ())
    assert found.error.endswith(".")


def test_an_empty_workflow_is_one():
    assert scan_bytes(make.dump(make.ui())).kind == "ui"
