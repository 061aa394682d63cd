"""The search reads only what may be twofold, believes no old hash, and ends when it is told to."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from django.utils import timezone

from downloads.inventory import scan
from library import duplicates
from library.duplicates import Halted, search
from library.models import DuplicateSearch, FileHash
from library.overview import overview
from tests.library.makers import installed, put

pytestmark = pytest.mark.django_db


MB = 2**20


def never() -> bool:
    return False


def groups() -> list[set[str]]:
    return [{file.path for file in files} for files in overview().duplicates.values()]


@pytest.fixture(autouse=True)
def asked_for(db: None) -> None:
    assert DuplicateSearch.begin()


def test_the_same_content_under_two_names_is_found() -> None:
    put("loras/a.safetensors", 2 * MB, seed="same")
    put("checkpoints/b.safetensors", 2 * MB, seed="same")
    put("loras/c.safetensors", 2 * MB, seed="other")
    assert search(never) == 2
    assert groups() == [{"loras/a.safetensors", "checkpoints/b.safetensors"}]
    assert overview().wasted == 2 * MB
    assert not DuplicateSearch.latest().is_running


def test_files_that_differ_only_between_the_samples_are_read_whole_and_told_apart() -> None:
    first = put("loras/a.safetensors", 3 * MB, seed="same")
    data = bytearray(first.read_bytes())
    data[MB // 2] ^= 1
    put("loras/b.safetensors", 3 * MB).write_bytes(data)
    assert search(never) == 2
    assert groups() == []


def test_an_installed_file_is_not_read_again() -> None:
    installed("loras/a.safetensors", 2 * MB, seed="same")
    put("loras/b.safetensors", 2 * MB, seed="same")
    assert search(never) == 1
    assert set(FileHash.objects.values_list("path", flat=True)) == {"loras/b.safetensors"}
    assert groups() == [{"loras/a.safetensors", "loras/b.safetensors"}]


def test_a_second_search_reads_nothing_twice() -> None:
    put("loras/a.safetensors", 2 * MB, seed="same")
    put("loras/b.safetensors", 2 * MB, seed="same")
    search(never)
    DuplicateSearch.begin()
    assert search(never) == 0


def test_small_files_and_links_are_not_worth_reading() -> None:
    put("loras/a.safetensors", 1000, seed="same")
    put("loras/b.safetensors", 1000, seed="same")
    big = put("loras/big.safetensors", 2 * MB)
    (big.parent / "hard.safetensors").hardlink_to(big)
    scan.forget()
    assert search(never) == 0


def test_a_file_that_changed_loses_its_hash() -> None:
    put("loras/a.safetensors", 2 * MB, seed="same")
    file = put("loras/b.safetensors", 2 * MB, seed="same")
    search(never)
    put("loras/b.safetensors", 2 * MB, seed="new")
    os.utime(file, (1, 1))
    scan.forget()
    assert groups() == []
    DuplicateSearch.begin()
    search(never)
    assert groups() == []


def test_hashes_of_files_that_are_gone_are_forgotten() -> None:
    put("loras/a.safetensors", 2 * MB, seed="same")
    file = put("loras/b.safetensors", 2 * MB, seed="same")
    search(never)
    file.unlink()
    scan.forget()
    DuplicateSearch.begin()
    search(never)
    assert [row.path for row in FileHash.objects.all()] == ["loras/a.safetensors"]


def test_a_file_that_vanishes_or_may_not_be_read_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    put("loras/a.safetensors", 2 * MB, seed="same")
    put("loras/b.safetensors", 2 * MB, seed="same")
    gone = put("loras/c.safetensors", 2 * MB, seed="same")
    overview()
    gone.unlink()
    assert search(never) == 2
    assert "c.safetensors could not be read" in caplog.text


def test_it_ends_with_the_worker_and_keeps_what_it_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        put(f"loras/{name}.safetensors", 2 * MB, seed="same")
    with pytest.raises(Halted):
        search(lambda: FileHash.objects.exists())
    assert FileHash.objects.count() == 1


def test_a_search_that_lost_its_turn_ends() -> None:
    for name in "ab":
        put(f"loras/{name}.safetensors", 2 * MB, seed="same")

    def somebody_ends_it() -> bool:
        DuplicateSearch.objects.update(finished_at=timezone.now())
        return False

    with pytest.raises(Halted):
        search(somebody_ends_it)


def test_one_search_at_a_time_and_a_dead_one_makes_room() -> None:
    assert DuplicateSearch.latest().is_running and not DuplicateSearch.begin()
    DuplicateSearch.objects.update(seen_at=timezone.now() - timedelta(minutes=2))
    assert not DuplicateSearch.latest().is_running and DuplicateSearch.begin()


def test_progress_is_written_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates._Progress, "INTERVAL", 0)
    seen: list[int] = []

    def watch() -> bool:
        seen.append(DuplicateSearch.latest().bytes_done)
        return False

    put("loras/a.safetensors", 2 * MB, seed="same")
    put("loras/b.safetensors", 2 * MB, seed="same")
    search(watch)
    assert seen == [0, 0, 0, MB, 2 * MB, 3 * MB]  # the first two while the samples were read
    latest = DuplicateSearch.latest()
    assert (latest.bytes_done, latest.bytes_total) == (4 * MB, 4 * MB)
