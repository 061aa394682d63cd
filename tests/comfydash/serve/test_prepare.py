"""What ``serve`` finds before it starts: folders, disks, databases, and arguments."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from comfydash.serve.locks import RoleLock
from tests.comfydash.serving import errors_in_activity, serving

pytestmark = pytest.mark.slow


PAGES_ONLY = "--no-worker"


def test_a_second_serve_on_the_same_workspace_says_who_has_it(tmp_path):
    with serving(tmp_path, PAGES_ONLY) as first:
        url = first.url
        with serving(tmp_path) as second:
            assert second.wait() == 1
            assert f"ComfyDash already runs on {tmp_path}/data: process {first.process.pid} on " in second.output
            assert url in second.output
        assert first.health()[1]["database"] == "ok"


def test_a_taken_port_says_who_has_it(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with serving(tmp_path, "--port", str(port)) as serve:
            assert serve.wait() == 1
            assert f"Port {port} is taken by process {os.getpid()} (" in serve.output
            assert f"--port {port + 1}" in serve.output


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")
    with serving(tmp_path) as serve:
        assert serve.wait() == 1
        assert f"The folder {tmp_path}/data cannot be written" in serve.output
        assert "set COMFYDASH_WORKSPACE" in serve.output
        assert f"{tmp_path}/data is a file" in serve.output


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 20 MB of our own."""
    place = tmp_path / "small disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system takes root")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_does_not_keep_the_dashboard_from_starting(small_disk, tmp_path):
    logs = str(tmp_path / "logs")
    with serving(small_disk, COMFYDASH_LOG_DIR=logs) as serve:
        serve.wait_until_healthy()
    (small_disk / "data" / "ballast").write_bytes(b"x" * 8 * 2**20)  # made by itself only where there is plenty
    with suppress(OSError), (small_disk / "model.safetensors").open("wb", buffering=0) as model:
        while True:
            model.write(b"x" * 4096)
    with serving(small_disk, COMFYDASH_LOG_DIR=logs) as serve:
        serve.wait_until_healthy()
        assert "8 MB kept for this are given up" in serve.output
        assert "Traceback" not in serve.output


def test_a_disk_without_room_for_a_database_is_said(small_disk, tmp_path):
    (small_disk / "model.safetensors").write_bytes(b"x" * (20 * 2**20 - 200_000))
    with serving(small_disk, COMFYDASH_LOG_DIR=str(tmp_path / "logs")) as serve:
        assert serve.wait() == 1
        assert "is full" in serve.output
        assert "Traceback" not in serve.output


def test_a_read_only_disk_is_said(small_disk, tmp_path):
    (small_disk / "data").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with serving(small_disk, COMFYDASH_LOG_DIR=str(tmp_path / "logs")) as serve:
        assert serve.wait() == 1
        assert f"The folder {small_disk}/data cannot be written (Read-only file system)" in serve.output
        assert "Mount it so that it can be written" in serve.output


def test_nonsense_in_the_environment_is_one_sentence(tmp_path):
    with serving(tmp_path, COMFYDASH_AUTH="perhaps") as serve:
        assert serve.wait() == 1
        assert "COMFYDASH_AUTH='perhaps' is neither on nor off." in serve.output
        assert "Traceback" not in serve.output


def test_a_broken_database_is_set_aside_and_its_settings_carried_over(tmp_path):
    with serving(tmp_path, PAGES_ONLY) as serve:
        assert serve.url
        assert serve.stop() == 0
    file = tmp_path / "data" / "dashboard.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("INSERT INTO settings VALUES ('theme', 'light', '2026-01-01')")
    with file.open("r+b") as raw:
        raw.write(b"\0" * 50)  # half the header
    with serving(tmp_path, PAGES_ONLY) as serve:
        assert serve.url
        [(title, subtitle)] = errors_in_activity(serve)
        assert title == "The database was damaged and has been made anew"
        [aside] = file.parent.glob("dashboard.db.corrupt-*")
        assert aside.name in subtitle
        kept = json.loads((file.parent / "notice.json").read_text())
        assert (kept["title"], str(aside) in kept["text"]) == ("The database was damaged and has been made anew.", True)
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT value FROM settings WHERE key = 'theme'").fetchall() == [("light",)]


def test_a_database_of_the_older_dashboard_is_imported(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    with closing(sqlite3.connect(data / "dashboard.db")) as older:
        older.executescript(
            """
            CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT, updated_at TEXT);
            INSERT INTO settings VALUES ('theme', 'light', '');
            CREATE TABLE download_history (id INTEGER PRIMARY KEY, preset_id TEXT, status TEXT);
            INSERT INTO download_history VALUES (1, 'flux', 'completed');
            """
        )
    with serving(tmp_path, PAGES_ONLY) as serve:
        serve.wait_for_line(
            "The older dashboard's data was imported: 1 settings, 0 entries of the activity, 1 downloads"
        )
        assert serve.url
    assert len(list(data.glob("dashboard.db.older-*"))) == 1
    with closing(sqlite3.connect(data / "dashboard.db")) as database:
        assert database.execute("SELECT preset_id, status FROM download_history").fetchall() == [("flux", "completed")]


def test_a_broken_database_stays_where_another_process_has_it_open(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "dashboard.db").write_bytes(b"rubbish" * 1000)
    worker = RoleLock(data, "worker")  # as a worker in another container would hold it
    worker.take()
    with serving(tmp_path, PAGES_ONLY) as serve:
        assert serve.wait() == 1
        assert "another ComfyDash process has it open" in serve.output
    worker.release()
    assert (data / "dashboard.db").read_bytes() == b"rubbish" * 1000


def test_a_broken_queue_file_is_made_anew(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "queue.db").write_bytes(b"rubbish" * 1000)
    with serving(tmp_path) as serve:
        serve.wait_until_healthy()
        assert "no download is lost by it" in serve.output


def test_a_database_of_a_newer_version_is_refused_untouched(tmp_path):
    with serving(tmp_path, PAGES_ONLY) as serve:
        assert serve.url
        assert serve.stop() == 0
    with closing(sqlite3.connect(tmp_path / "data" / "dashboard.db")) as database, database:
        database.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, '2030-01-01')",
            ("downloads", "0099_from_the_future"),
        )
    with serving(tmp_path, PAGES_ONLY) as serve:
        assert serve.wait() == 1
        assert "A newer ComfyDash changed the database" in serve.output
        assert "downloads.0099_from_the_future" in serve.output


def test_private_files_are_private(tmp_path):
    with serving(tmp_path) as serve:
        serve.wait_until_healthy()
    data = tmp_path / "data"
    assert oct(data.stat().st_mode & 0o777) == "0o700"
    for name in ("dashboard.db", "queue.db", "secret_key"):
        assert oct((data / name).stat().st_mode & 0o777) == "0o600", name


def test_where_there_is_no_login_nobody_is_asked_to_log_in(tmp_path):
    with serving(tmp_path, COMFYDASH_AUTH="off") as serve:
        serve.wait_until_healthy()
    assert f"Open {serve.url}/" in serve.output
    assert "/login/link/" not in serve.output


def test_wrong_arguments_are_status_2(tmp_path):
    with serving(tmp_path, "--no-web", "--no-worker") as serve:
        assert serve.wait() == 2
    with serving(tmp_path, "--port", "eighty") as serve:
        assert serve.wait() == 2
        assert "'eighty' is no port" in serve.output
