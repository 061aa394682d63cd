"""Names of unfinished files, with and without the lease under which they are written."""

from __future__ import annotations

import pytest

from downloads.transfer.part.names import begun_path, number_begun, number_in, numbers, stem

MODEL = "loras/a.safetensors"


@pytest.mark.parametrize(
    ("name", "path", "number"),
    [
        (f"{MODEL}.part", MODEL, 0),
        (f"{MODEL}.7.part", MODEL, 7),
        (f"{MODEL}.7.link", MODEL, 7),
        ("loras/v1.12.safetensors.part", "loras/v1.12.safetensors", 0),
        (MODEL, MODEL, 0),
        (f"{MODEL}.7", f"{MODEL}.7", 0),
        (f"{MODEL}.07.part", f"{MODEL}.07", 0),
    ],
)
def test_a_name_says_what_is_begun_and_under_which_lease(name, path, number):
    assert (begun_path(name), number_in(name)) == (path, number)


def test_a_stem_without_a_lease_is_the_path():
    assert (stem(MODEL, 0), stem(MODEL, 12)) == (MODEL, f"{MODEL}.12")


def test_all_leases_under_which_something_is_begun_are_found_and_other_files_are_not(tmp_path):
    (tmp_path / "loras").mkdir()
    for ending in (".part", ".3.part", ".3.part.state", ".12.part.state.new", ".5.link", "", ".9", "x.8.part"):
        (tmp_path / (MODEL + ending)).touch()
    assert numbers(tmp_path, MODEL) == [12, 5, 3, 0]
    assert number_begun(tmp_path, MODEL) == 3


def test_where_nothing_can_be_seen_nothing_is_begun(tmp_path):
    assert numbers(tmp_path, MODEL) == []
    assert number_begun(tmp_path / "away", MODEL) == 0
