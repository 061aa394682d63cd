from __future__ import annotations

from pathlib import Path

import pytest

from downloads.models import DownloadHistory
from tests.presets.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_damaged_lock_is_a_sentence(run: Run, workspace: Path) -> None:
    lock = workspace / "lock.json"
    lock.write_text("[]")
    for command in ("apply_lock", "verify_lock"):
        ran = run(command, str(lock))
        assert (ran.status, ran.err) == (1, f"{lock}: It is no lock file of ComfyDash. Write one with export_lock.")
    assert run("apply_lock", str(workspace / "none.json")).status == 1
    assert DownloadHistory.objects.count() == 0
