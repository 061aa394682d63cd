from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from downloads.transfer.part.journal import Identity, boot_id, identity_line, read_state, synced_line, written_line

FILE = Identity("https://x/a", 1000, "a" * 64, "", "")


OTHER_BOOT = json.dumps({"written": [[0, 900]], "boot": "another"}).encode() + b"\n"


@pytest.mark.parametrize(
    ("lines", "bytes_known"),
    [
        (identity_line(FILE), 0),
        (identity_line(FILE) + synced_line([(0, 500)]), 500),
        (identity_line(FILE) + synced_line([(0, 500)]) + written_line([(0, 700)]), 700),
        (identity_line(FILE) + written_line([(0, 700)])[:-9], 0),
        (identity_line(FILE) + synced_line([(0, 500)]) + b'{"written":[[0,', 500),
        (identity_line(FILE) + synced_line([(0, 500)]) + OTHER_BOOT, 500),
        (identity_line(FILE) + written_line([(0, 700)]) + identity_line(FILE), 0),
        (identity_line(FILE) + b'[]\n{"synced":"x"}\n{"synced":[[0]]}\n\x00\xff\n' + synced_line([(5, 9)]), 4),
    ],
)
def test_a_journal_claims_only_what_can_be_relied_on(lines: bytes, bytes_known: int) -> None:
    state = read_state(lines)
    assert state
    assert (state.identity, state.extents.total) == (FILE, bytes_known)


@pytest.mark.parametrize("text", [b"", b"\0" * 4096, b"{}", b"null\n", b'{"identity":{"nonsense":1}}', b"\xff" * 100])
def test_a_journal_that_is_none_claims_nothing(text: bytes) -> None:
    assert read_state(text) is None


@given(st.integers(0, 400))
def test_a_journal_cut_anywhere_claims_no_more(cut: int) -> None:
    lines = identity_line(FILE) + synced_line([(0, 300)]) + written_line([(0, 400)])
    state = read_state(lines[:cut])
    assert state is None or state.extents.total in {0, 300, 400}
    if state and state.extents.total == 400:
        assert boot_id() in lines[:cut].decode()
