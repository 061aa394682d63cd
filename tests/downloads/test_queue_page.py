"""What pages show of the queue."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from downloads.models import DownloadFile, DownloadHistory, FileStatus, Status
from downloads.queue_page import line_of
from tests.downloads.makers import make_install

pytestmark = pytest.mark.django_db(transaction=True)


def backing_off(status: Status = Status.DOWNLOADING) -> DownloadHistory:
    retry_at = timezone.now() + timedelta(hours=1, minutes=30, seconds=30)
    row = make_install(status, retry_at=retry_at, attempts=2, bytes_total=1000)
    DownloadFile.objects.update(status=FileStatus.RETRYING)
    return row


@pytest.mark.parametrize("path", ["/downloads/", "/downloads/queue/", "/"])
def test_a_page_says_which_try_comes_when(admin: Client, path: str) -> None:
    backing_off()
    assert "Retrying (2/3) in 1 h 30 min" in admin.get(path).content.decode()


@pytest.mark.parametrize("status", [Status.PAUSED, Status.QUEUED, Status.WAITING])
def test_what_does_not_run_does_not_count_down(admin: Client, status: Status) -> None:
    assert line_of(backing_off(status)).phase == ""
    assert line_of(DownloadHistory.objects.get()).retry_in == 0


@pytest.mark.parametrize("status", [FileStatus.DOWNLOADING, FileStatus.VERIFYING])
def test_a_page_says_that_what_arrived_is_being_written(admin: Client, status: FileStatus) -> None:
    make_install(Status.DOWNLOADING, bytes_total=1000)
    DownloadFile.objects.update(status=status, error="The disk is still writing what has arrived.")
    page = admin.get("/downloads/").content.decode()
    assert '<span data-field="speed">Writing</span>' in page
    assert '<span data-file-field="speed">Writing</span>' in page
