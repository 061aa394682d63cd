"""The database of the FastAPI dashboard that this one replaces."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activity.models import Activity
from comfydash.recovery import database
from comfydash.recovery.older_dashboard import Imported, import_from
from downloads.models import DownloadHistory
from settings_app import hub_token
from settings_app.models import Setting

pytestmark = pytest.mark.django_db


def older(file: Path, script: str) -> Path:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(script)
    return file


COMPLETE = """
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT, updated_at TIMESTAMP);
INSERT INTO settings VALUES ('theme', 'light', '2026-01-02 03:04:05'), ('hf_token', 'hf_abcdefgh12345678', ''),
  ('activity_retention_days', '90', ''), ('window_size', '1024', ''), ('comfyui_url', '"http://127.0.0.1:8188"', '');
CREATE TABLE activity (id INTEGER PRIMARY KEY, type TEXT, status TEXT, title TEXT, subtitle TEXT, details TEXT,
  created_at TIMESTAMP);
INSERT INTO activity VALUES (1, 'download', 'completed', 'FLUX', 'two files', '{"bytes": 7}', '2026-01-02 03:04:05'),
  (2, 'download', 'failed', 'SDXL', NULL, 'no json', '2026-01-03T00:00:00+02:00');
CREATE TABLE download_history (id INTEGER PRIMARY KEY, preset_id TEXT, status TEXT, files_completed INT,
  files_total INT, bytes_downloaded INT, total_bytes INT, error_message TEXT, started_at TIMESTAMP,
  completed_at TIMESTAMP);
INSERT INTO download_history VALUES
  (1, 'flux', 'completed', 2, 2, 700, 700, NULL, '2026-01-02 03:00:00', '2026-01-02 03:04:05'),
  (2, 'sdxl', 'failed', 0, 1, 5, 700, 'HTTP 500', '2026-01-02 04:00:00', '2026-01-02 04:01:00'),
  (3, 'wan', 'downloading', 1, 3, 10, 900, NULL, '2026-01-02 05:00:00', NULL);
"""


def test_settings_activity_and_history_are_imported(tmp_path):
    result = import_from(older(tmp_path / "old.db", COMPLETE))
    assert result == Imported(settings=4, activity=2, downloads=3)
    assert hub_token.hub_token() == "hf_abcdefgh12345678"
    assert dict(Setting.objects.values_list("key", "value")) == {
        "theme": "light",
        "hf_token": "hf_abcdefgh12345678",
        "activity_retention_days": "90",
        "comfyui_url": "http://127.0.0.1:8188",
    }
    assert list(Activity.objects.order_by("id").values_list("title", "details", "created_at")) == [
        ("FLUX", {"bytes": 7}, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("SDXL", {"text": "no json"}, datetime(2026, 1, 2, 22, 0, tzinfo=UTC)),
    ]
    assert list(DownloadHistory.objects.order_by("id").values_list("preset_id", "status", "reason", "bytes_done")) == [
        ("flux", "completed", "", 700),
        ("sdxl", "failed", "", 5),
        ("wan", "failed", "interrupted", 10),
    ]


def test_missing_tables_and_columns_are_no_obstacle(tmp_path):
    script = """
    CREATE TABLE download_history (id INTEGER PRIMARY KEY, preset_id TEXT, status TEXT);
    INSERT INTO download_history VALUES (1, 'flux', 'completed'), (2, 'sdxl', NULL);
    CREATE TABLE activity (title TEXT, mood TEXT);
    INSERT INTO activity VALUES ('hello', 'good');
    """
    assert import_from(older(tmp_path / "old.db", script)) == Imported(settings=0, activity=1, downloads=2)


def test_nonsense_in_a_column_is_no_obstacle(tmp_path):
    script = """
    CREATE TABLE activity (type, status, title, subtitle, details, created_at);
    INSERT INTO activity VALUES (x'ff00', 5, NULL, zeroblob(3), '[1]', 'yesterday');
    CREATE TABLE download_history (preset_id, status, files_total, bytes_downloaded, started_at);
    INSERT INTO download_history VALUES (7, 'completed', -3, 1e30, 99999999999999999999);
    """
    assert import_from(older(tmp_path / "old.db", script)) == Imported(settings=0, activity=1, downloads=1)
    [entry] = Activity.objects.all()
    assert (entry.title, entry.details) == ("(without a title)", {"value": [1]})
    [row] = DownloadHistory.objects.all()
    assert (row.files_total, row.bytes_done, row.started_at) == (0, 2**63 - 1, None)


def test_only_a_database_without_migrations_is_an_older_one(tmp_path):
    assert database.is_older_dashboard(older(tmp_path / "old.db", COMPLETE))
    assert not database.is_older_dashboard(
        older(tmp_path / "our.db", COMPLETE + "CREATE TABLE django_migrations (id);")
    )
    assert not database.is_older_dashboard(older(tmp_path / "other.db", "CREATE TABLE notes (id);"))
    assert not database.is_older_dashboard(tmp_path / "missing.db")
