"""What enters the queue: once, with files, and again after it failed."""

from __future__ import annotations

import pytest

from downloads.models import ACTIVE, DownloadHistory, Status, WrongState
from downloads.queue import enqueue, retry
from downloads.queue_several import retry_failed
from extension_points import WantedFile
from tests.downloads.makers import make_install

pytestmark = pytest.mark.django_db


Q, D, P, W, C, F, X = (
    Status.QUEUED,
    Status.DOWNLOADING,
    Status.PAUSED,
    Status.WAITING,
    Status.COMPLETED,
    Status.FAILED,
    Status.CANCELLED,
)


@pytest.mark.parametrize("before", list(Status))
def test_retry_makes_a_new_row_of_what_ended_badly(before):
    row = make_install(before, files=2)

    if before in {F, X}:
        new = retry(row)
        assert (new.status, new.preset_id, new.files_total) == (Q, row.preset_id, 2)
        assert [file.path for file in new.files.all()] == [file.path for file in row.files.all()]
        assert new.pk != row.pk
    else:
        with pytest.raises(WrongState):
            retry(row)
    row.refresh_from_db()
    assert row.status == before


@pytest.mark.parametrize("status", ACTIVE)
def test_a_second_click_finds_the_active_row(status):
    row = make_install(status, preset_id="A")

    found, created = enqueue("A", "A", [WantedFile("checkpoints/a.safetensors", "https://huggingface.co/x")])

    assert (found, created) == (row, False)
    assert DownloadHistory.objects.count() == 1


def test_retry_failed_takes_only_what_was_not_mended_since():
    make_install(F, preset_id="MENDED")
    make_install(C, preset_id="MENDED")
    make_install(F, preset_id="QUEUED_AGAIN")
    make_install(Q, preset_id="QUEUED_AGAIN")
    make_install(F, preset_id="TWICE")
    make_install(F, preset_id="TWICE")

    assert retry_failed().queued == 1
    assert DownloadHistory.objects.filter(status=Q, preset_id="TWICE").count() == 1


def test_nothing_to_fetch_is_refused_with_the_name():
    with pytest.raises(ValueError, match="“Empty” lists no files"):
        enqueue("E", "Empty", [])
    assert not DownloadHistory.objects.exists()
