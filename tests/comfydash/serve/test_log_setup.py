from __future__ import annotations

from comfydash.serve import log_setup


def test_a_log_that_has_grown_is_moved_aside(tmp_path, monkeypatch):
    monkeypatch.setattr(log_setup, "LARGEST", 10)
    file = tmp_path / "comfydash.log"
    for number in range(8):
        file.write_text(f"{number}, and more than ten bytes")
        log_setup.rotate(file)
    names = {path.name: path.read_text()[0] for path in tmp_path.iterdir()}
    assert names == {f"comfydash.log.{n}": str(8 - n) for n in range(1, 6)}
    file.write_text("short")
    log_setup.rotate(file)
    assert file.exists()
