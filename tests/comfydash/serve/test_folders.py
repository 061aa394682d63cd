from __future__ import annotations

from pathlib import Path

from comfydash.serve.folders import keep_private, remake_queue_if_broken


def test_a_sound_queue_file_stays_and_a_broken_one_goes(tmp_path: Path):
    file = tmp_path / "queue.db"
    remake_queue_if_broken(file)
    assert not file.exists()
    file.write_bytes(b"")
    remake_queue_if_broken(file)
    assert file.exists()
    file.write_bytes(b"rubbish" * 1000)
    (tmp_path / "queue.db-wal").touch()
    remake_queue_if_broken(file)
    assert list(tmp_path.iterdir()) == []


def test_files_with_secrets_are_private_before_anything_is_in_them(tmp_path):
    (tmp_path / "dashboard.db").touch(mode=0o644)
    keep_private(tmp_path)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
    assert modes == {"dashboard.db": "0o600", "queue.db": "0o600"}
