"""What is derived from files and kept between starts: by whom it is found again, and that it never fails who asks."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from derived import cache
from derived.cache import DerivedCache, FileState
from derived.models import DerivedValue
from tests.comfydash.recovery.test_database import PAGE, leaf_pages, overwrite
from tests.comfydash.serving import ROOT

A, B = FileState("/a", 1, 10), FileState("/b", 2, 20)


def of(version: str = "1", kind: str = "words", **limits: float) -> DerivedCache[list[str]]:
    return DerivedCache(kind, version, lambda words: json.dumps(words).encode(), json.loads, **limits)


def stored() -> set[str]:
    return set(DerivedValue.objects.values_list("path", flat=True))


@pytest.mark.django_db
def test_what_was_written_is_read_for_the_very_same_state_only() -> None:
    of().write({A: ["a"], B: ["b"]})
    assert of().read([A, B]) == {A: ["a"], B: ["b"]}
    assert of().read([A._replace(size=3), B._replace(mtime_ns=3), FileState("/c")]) == {}
    assert of("2").read([A]) == of(kind="other words").read([A]) == {}


@pytest.mark.django_db
def test_hosts_whose_files_differ_keep_theirs_side_by_side() -> None:
    other = A._replace(mtime_ns=11)
    of().write({A: ["a"]})
    of().write({other: ["changed"]})
    assert of().read([A, other]) == {A: ["a"], other: ["changed"]}


@pytest.mark.django_db
def test_a_value_of_other_code_is_replaced() -> None:
    of("1").write({A: ["old"]})
    of("2").write({A: ["new"]})
    assert (of("1").read([A]), of("2").read([A])) == ({}, {A: ["new"]})


@pytest.mark.django_db
@pytest.mark.parametrize("value", [b"", b"{", b"\xff", "text", 7, b"\0" * 100, b"[" * 100_000])
def test_a_value_that_cannot_be_read_is_as_good_as_none(value: Any) -> None:
    of().write({A: ["a"], B: ["b"]})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE derived_value SET value = %s WHERE path = '/a'", [value])
    assert of().read([A, B]) == {B: ["b"]}


@pytest.mark.django_db
def test_numbers_and_times_that_are_none_harm_nobody() -> None:
    of().write({A: ["a"], B: ["b"]})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE derived_value SET size = 'many', used_at = 'yesterday', made_at = '' WHERE path = '/a'")
    assert of().read([A, B]) == {B: ["b"]}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    [os.fsdecode(b"/models/\xff.json"), "/" + "x" * 5000, "/" + "語" * 1000, "/\ud800", "/nul\0", "/back\\slash"],
)
def test_whatever_a_file_is_called_nothing_fails(path: str) -> None:
    file = FileState(path, 1, 1)
    of().write({file: ["strange"], A: ["a"]})
    assert of().read([file, A]) in ({file: ["strange"], A: ["a"]}, {A: ["a"]})


@pytest.mark.django_db
def test_a_time_in_the_far_future_is_only_not_kept() -> None:
    file = FileState("/future", 1, 2**63)
    of().write({file: ["f"], A: ["a"]})
    assert of().read([file, A]) == {A: ["a"]}


@pytest.mark.django_db
def test_all_of_a_kind_cost_one_query_to_read_and_few_to_write() -> None:
    states = {FileState(f"/{number}", number, number): [str(number)] for number in range(2 * cache.MOST_NAMED)}
    with CaptureQueriesContext(connection) as written:
        of().write(states)
    with CaptureQueriesContext(connection) as read:
        assert of().read(states) == states
    assert (len(written) < 30, len(read)) == (True, 1)


@pytest.mark.django_db
def test_use_is_noted_once_a_day() -> None:
    of().write({A: ["a"], B: ["b"]})
    DerivedValue.objects.update(used_at=timezone.now() - timedelta(days=2))
    of().read([A])
    with CaptureQueriesContext(connection) as asked:
        of().read([A])
    assert len(asked) == 1
    recent = DerivedValue.objects.filter(used_at__gt=timezone.now() - timedelta(hours=1))
    assert [row.path for row in recent] == ["/a"]


@pytest.mark.django_db
def test_what_nobody_uses_goes_at_the_next_write() -> None:
    of().write({A: ["a"]})
    DerivedValue.objects.update(used_at=timezone.now() - cache.UNUSED - timedelta(hours=1))
    of().write({B: ["b"]})
    assert stored() == {"/b"}


@pytest.mark.django_db
def test_what_was_not_used_for_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_BYTES", 250)
    for age, name in enumerate("edcba"):
        of(kind=name).write({FileState(name): ["x" * 90]})
        DerivedValue.objects.filter(path=name).update(used_at=timezone.now() - timedelta(days=9 - age))
    assert stored() == {"a", "b"}


@pytest.mark.django_db
def test_that_there_is_none_is_believed_for_a_while() -> None:
    patient = DerivedCache("pictures", "1", lambda data: data, bytes, none_seconds=60)
    patient.write({A: b"", B: b"picture"})
    assert (patient.read([A, B]), patient.sizes()) == ({A: b"", B: b"picture"}, {"/a": 0, "/b": 7})
    DerivedValue.objects.update(made_at=timezone.now() - timedelta(seconds=61))
    assert (patient.read([A, B]), patient.sizes()) == ({B: b"picture"}, {"/b": 7})


@pytest.mark.django_db(transaction=True)
def test_a_locked_database_keeps_nobody_waiting_and_fails_nobody() -> None:
    of().write({A: ["a"]})
    DerivedValue.objects.update(used_at=timezone.now() - timedelta(days=2))  # so that reading wants to write too
    with closing(sqlite3.connect(settings.DATABASES["default"]["NAME"], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        of().write({B: ["b"]})
        assert of().read([A, B]) == {A: ["a"]}
        other.execute("ROLLBACK")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone()[0] == 20_000  # for everybody else
    of().write({B: ["b"]})
    assert of().read([A, B]) == {A: ["a"], B: ["b"]}


@pytest.mark.django_db(transaction=True)
def test_a_write_that_fails_leaves_the_transaction_around_it_whole() -> None:
    with transaction.atomic():
        of().write({A: ["a"]})
        with connection.cursor() as cursor:
            cursor.execute("CREATE TRIGGER full BEFORE INSERT ON derived_value BEGIN SELECT RAISE(ABORT, 'full'); END")
        of().write({B: ["b"]})
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER full")
        of().write({FileState("/c"): ["c"]})
    assert stored() == {"/a", "/c"}


@pytest.mark.django_db(transaction=True)
def test_a_table_that_is_not_there_yet_fails_nobody() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE derived_value RENAME TO elsewhere")
    try:
        of().write({A: ["a"]})
        assert (of().read([A]), of().sizes()) == ({}, {})
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO derived_value")


WRITER = """
import django; django.setup()
from tests.derived.test_cache import of, FileState
states = {FileState(f"/{number}", number, number): [str(number)] for number in range(300)}
for _ in range(5):
    of().write(states)
    assert all(of().read([state]).get(state, words) == words for state, words in list(states.items())[:20])
"""


def write_at_the_same_time(env: dict[str, str]) -> None:
    command = [sys.executable, "-c", WRITER]
    writers = [subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(writer.communicate(timeout=120)[1], writer.returncode) for writer in writers] == [("", 0)] * 3


def test_processes_that_write_the_same_files_at_the_same_time_fail_in_nothing(tmp_path: Path) -> None:
    env = os.environ | {"COMFYDASH_WORKSPACE": str(tmp_path), "DJANGO_SETTINGS_MODULE": "comfydash.settings"}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=env, check=True)
    write_at_the_same_time(env)
    with closing(sqlite3.connect(tmp_path / "data" / "dashboard.db")) as database:
        assert database.execute("SELECT COUNT(*), COUNT(DISTINCT path) FROM derived_value").fetchone() == (300, 300)


DAMAGED = """
import django; django.setup()
from tests.derived.test_cache import of, FileState
states = {FileState(f"/{number}", number, number): ["x" * 500] for number in range(300)}
assert len(of().read(states)) < 300
of().write(states)
of().sizes()
"""


def test_pages_of_the_table_that_are_damaged_while_it_is_used_fail_nobody(tmp_path: Path) -> None:
    env = os.environ | {"COMFYDASH_WORKSPACE": str(tmp_path), "DJANGO_SETTINGS_MODULE": "comfydash.settings"}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=env, check=True)
    file = tmp_path / "data" / "dashboard.db"
    with closing(sqlite3.connect(file)) as database, database:
        columns = "kind, path, size, mtime_ns, version, made_at, used_at, value_bytes, value"
        rows = [(f"/{number}", number, number, b'["' + b"x" * 500 + b'"]') for number in range(300)]
        insert = (
            f"INSERT INTO derived_value ({columns}) VALUES ('words', ?, ?, ?, '1', '2026-11-29', '2026-11-29', 504, ?)"
        )
        database.executemany(insert, rows)
        database.execute("PRAGMA journal_mode=DELETE")
    pages = leaf_pages(file, "derived_value")
    overwrite(file, (pages[len(pages) // 2] - 1) * PAGE, b"\xff" * PAGE)
    asked = subprocess.run(
        [sys.executable, "-c", DAMAGED], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert (asked.stderr, asked.returncode) == ("", 0)
