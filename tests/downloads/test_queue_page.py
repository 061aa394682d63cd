"""What pages show of the queue."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from downloads.models import DownloadFile, DownloadHistory, FileStatus, Status
from downloads.queue_page import line_of
from downloads.queue_status import queue_status
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


def with_many_files(number: int) -> DownloadHistory:
    """Two have failed, eight move, half of the rest is here."""
    row = make_install(Status.DOWNLOADING, files_completed=212, bytes_total=10**9, bytes_done=10**8)
    DownloadHistory.objects.filter(pk=row.pk).update(files_total=number)
    row.files.all().delete()
    states = ["completed"] * (number // 2 - 10) + ["failed"] * 2 + ["downloading"] * 8
    states += ["pending"] * (number - len(states))
    DownloadFile.objects.bulk_create(
        DownloadFile(download=row, path=f"loras/{index:04}.safetensors", url=f"https://h/{index}", status=state)
        for index, state in enumerate(states)
    )
    return DownloadHistory.objects.get(pk=row.pk)


def test_of_many_files_those_that_move_or_failed_are_at_sight_and_the_others_are_folded(admin: Client) -> None:
    with_many_files(1000)
    page = re.sub(r"\s+", " ", admin.get("/downloads/").content.decode())
    at_sight, _, folded = page.partition("<details> <summary")
    assert (at_sight.count('data-file="'), folded.count('data-file="')) == (10, 90)
    assert at_sight.count("badge-downloading") == 8
    assert at_sight.count("badge-failed") == 2
    assert ">990 more files<" in folded
    assert "And 900 more files." in folded
    assert "212 of 1,000 files" in at_sight


def test_of_a_few_files_all_are_at_sight(admin: Client) -> None:
    make_install(Status.DOWNLOADING, files=10)
    page = admin.get("/downloads/").content.decode()
    assert page.count('data-file="') == 10
    assert "more file" not in page


@pytest.mark.usefixtures("settings_read_once")
@pytest.mark.parametrize("path", ["/downloads/", "/downloads/queue/", "/api/presets/queue/status"])
def test_a_thousand_files_cost_as_many_queries_as_a_dozen(admin: Client, path: str) -> None:
    asked = []
    for number in (30, 1000):
        DownloadHistory.objects.all().delete()
        with_many_files(number)
        with CaptureQueriesContext(connection) as queries:
            assert admin.get(path).status_code == 200
        asked.append(len(queries))
    assert asked[1] <= asked[0]


@pytest.mark.usefixtures("settings_read_once")
def test_the_socket_tells_of_a_thousand_files_those_that_move_first() -> None:
    with_many_files(1000)
    with CaptureQueriesContext(connection) as queries:
        [item] = queue_status()["items"]
    assert len(queries) <= 5
    assert [file["status"] for file in item["files"][:11]] == ["downloading"] * 8 + ["failed"] * 2 + ["completed"]
    assert len(item["files"]) == 100


def test_one_that_backs_off_among_others_is_no_phase_of_the_install() -> None:
    row = with_many_files(30)
    assert line_of(row).phase == ""
    first = row.files.filter(status="downloading").first()
    assert first
    DownloadFile.objects.filter(pk=first.pk).update(status=FileStatus.RETRYING)
    assert line_of(row).phase == ""
    row.files.filter(status="downloading").update(status=FileStatus.VERIFYING)
    assert line_of(row).phase == "Verifying"
