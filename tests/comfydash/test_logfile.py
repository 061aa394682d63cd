"""The log file on disks that take nothing."""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from comfydash.logfile import RotatingFile

FULL = Path("/dev/full")


@pytest.fixture
def logger(tmp_path: Path) -> Iterator[logging.Logger]:
    made = logging.Logger("one of its own")
    handler = RotatingFile(str(tmp_path / "logs" / "comfydash.log"), delay=True)
    made.addHandler(handler)
    yield made
    handler.close()


def test_a_disk_that_is_full_is_said_once_and_without_a_traceback(
    tmp_path: Path, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    if not FULL.exists():
        pytest.skip("there is no device here that is always full")
    (tmp_path / "logs").mkdir()
    file = tmp_path / "logs" / "comfydash.log"
    file.symlink_to(FULL)
    for _ in range(3):
        logger.warning("this goes nowhere")
    said = capsys.readouterr().err
    assert said.count("cannot be written (No space left on device)") == 1
    assert "COMFYDASH_LOG_DIR" in said
    assert "Traceback" not in said
    file.unlink()
    logger.warning("there is space again")
    assert file.read_text() == "there is space again\n"


def test_a_folder_that_is_gone_is_said_once(
    tmp_path: Path, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logger.warning("nowhere")
    logger.warning("nowhere")
    said = capsys.readouterr().err
    assert (said.count("cannot be written (No such file or directory)"), said.count("Traceback")) == (1, 0)
    (tmp_path / "logs").mkdir()
    logger.warning("here")
    assert (tmp_path / "logs" / "comfydash.log").read_text() == "here\n"


def test_an_older_log_that_others_can_read_becomes_private(tmp_path: Path, logger: logging.Logger) -> None:
    (tmp_path / "logs").mkdir()
    file = tmp_path / "logs" / "comfydash.log"
    file.touch()
    file.chmod(0o644)
    logger.warning("a line")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
