"""The hunt itself: it finds what was planted, and nothing where nothing is."""

from __future__ import annotations

import base64
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.hostile.canaries import Hunt

SECRET = "hf_" + "CanaryThatSingsInTheMineAllDay" + "42xy"


@pytest.mark.parametrize(
    "seen",
    [
        f"Authorization: Bearer {SECRET}",
        f"a line that was cut: …{SECRET[8:30]}",
        SECRET.upper(),
        SECRET.encode(),
        base64.b64encode(f"user:{SECRET}".encode()),
        base64.b64encode(f"user1:{SECRET}".encode()),
        base64.b64encode(f"user12:{SECRET}".encode()),
        SECRET.encode().hex(),
        {"detail": ["nested", SECRET]},
    ],
)
def test_a_planted_secret_is_found(seen):
    hunt = Hunt(token=SECRET)
    hunt.look_at("here", seen)
    assert hunt.found == [("token", "here")]


def test_its_own_place_is_no_find_and_a_mask_neither():
    hunt = Hunt(token=SECRET, other="another-secret-of-some-length")
    hunt.look_at("its column", SECRET, but={"token"})
    hunt.look_at("the page", f"hf_…{SECRET[-4:]}")
    assert (hunt.found, hunt.places) == ([], 2)


def test_files_tables_and_processes_are_looked_through(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.part.state").write_text(SECRET)
    file = tmp_path / "planted.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE settings (key, value)")
        database.executemany("INSERT INTO settings VALUES (?, ?)", [("hf_token", SECRET), ("theme", SECRET)])
    wait = [sys.executable, "-c", "import sys; print('here', flush=True); sys.stdin.read()", SECRET]
    process = subprocess.Popen(
        wait, env=os.environ | {"PLANTED": SECRET}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    hunt = Hunt(token=SECRET)
    try:
        assert process.stdout
        process.stdout.readline()
        hunt.look_at_process(process.pid)
    finally:
        process.communicate()
    hunt.look_at_files(tmp_path, skip=[file])
    hunt.look_at_database(file, allowed={"settings/hf_token": ("token",)})
    assert [place for _, place in hunt.found] == [
        f"command line of {process.pid}",
        f"environment of {process.pid}",
        str(tmp_path / "deep" / "a.part.state"),
        "planted.db: settings, column 1",
    ]
