from __future__ import annotations

from types import SimpleNamespace

from comfydash.serve import disk_reserve


def test_ballast_is_kept_while_there_is_room_and_given_up_for_the_start_of_a_full_disk(tmp_path, monkeypatch):
    def free(count: int) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=count))

    free(2**40)
    disk_reserve.make_or_drop(tmp_path)
    assert (tmp_path / "ballast").stat().st_size == disk_reserve.SIZE
    free(2**30)
    disk_reserve.make_or_drop(tmp_path)
    assert (tmp_path / "ballast").exists()
    free(0)
    disk_reserve.make_or_drop(tmp_path)
    assert list(tmp_path.iterdir()) == []
    disk_reserve.make_or_drop(tmp_path)
    disk_reserve.make_or_drop(tmp_path / "not there")
