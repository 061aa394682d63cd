"""A workspace of an earlier state of the code comes up with every row, and with what was in the queue.

The files were made by the code of November 2026, before rooms were moved: one row or more in each table, and one
message of each task. They are text, so that a diff shows what they hold.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.comfydash.serving import serving, wait_for

DATA = Path(__file__).with_name("data")
# What the first start may change by itself: it prunes, beats, and writes down that it looked.
OF_THE_START = {"django_session", "login_link", "worker_state", "sqlite_sequence", "comfyui_poller", "comfyui_state"}


def made_from(script: str, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript((DATA / script).read_text(encoding="utf-8"))
    return file


Row = dict[str, object]


def rows(file: Path) -> dict[str, list[Row]]:
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name} ORDER BY 1")] for name in names}


def is_in(row: Row, table: list[Row]) -> bool:
    """Whether it is there, with whatever columns were added since."""
    return any(row.items() <= other.items() for other in table)


def test_every_row_and_every_message_of_an_earlier_workspace_survives(tmp_path: Path) -> None:
    database = made_from("dashboard-2026-11.sql", tmp_path / "data" / "dashboard.db")
    queue = made_from("queue-2026-11.sql", tmp_path / "data" / "queue.db")
    model = tmp_path / "models" / "loras" / "other.safetensors"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"abc")  # what file_hash speaks of: hashes of files that are gone are forgotten
    thumbnails = tmp_path / "data" / "thumbnails"
    thumbnails.mkdir()
    old = [tmp_path / "data" / name for name in ("templates.json", "workflows.json")]
    old += [thumbnails / name for name in ("0" * 32, f"{'1' * 32}.missing", f".{'0' * 32}.99999999-0123abcd.new")]
    for file in old:
        file.write_bytes(b"{}")
    before = rows(database)
    assert all(before[table] for table in ("download_history", "download_file", "model_file", "file_hash", "activity"))
    assert len(rows(queue)["task"]) == 3

    with serving(tmp_path, COMFYDASH_AUTH="off") as serve:
        serve.wait_until_healthy()
        wait_for(lambda: not rows(queue)["task"], name="every message taken")
        serve.wait_for_line("The search for duplicates")  # the task that moved was not only taken but understood
        assert serve.stop() == 0

    assert [file for file in [*old, thumbnails] if file.exists()] == []
    after = rows(database)
    lost = {
        table: [row for row in before[table] if not is_in(row, after.get(table, []))]
        for table in before.keys() - OF_THE_START - {"duplicate_search"}
    }
    assert {table: gone for table, gone in lost.items() if gone} == {}
    for word in ("Traceback", "TaskRegistry", "not found"):
        assert word not in serve.output
