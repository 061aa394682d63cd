from __future__ import annotations

from comfydash.recovery import database


def test_set_aside_keeps_all_three_files_together(tmp_path):
    file = tmp_path / "dashboard.db"
    for name in ("dashboard.db", "dashboard.db-wal", "dashboard.db-shm"):
        (tmp_path / name).write_text(name)
    aside = database.set_aside(file, "corrupt")
    assert aside.name.startswith("dashboard.db.corrupt-2")
    names = {path.name.removeprefix(aside.name): path.read_text() for path in tmp_path.iterdir()}
    assert names == {"": "dashboard.db", "-wal": "dashboard.db-wal", "-shm": "dashboard.db-shm"}
