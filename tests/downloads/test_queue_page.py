"""Pages of cards: one after the other, or as many as are shown already."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from downloads.models import DownloadFile, DownloadHistory, FileStatus, Status
from downloads.queue_page import MOST_PAGES, line_of, page_of
from tests.downloads.makers import make_install

CARDS = list(range(100))


@pytest.mark.parametrize(
    ("number", "shown", "cards", "following"),
    [
        ("1", "", CARDS[:10], 2),
        ("1", "10", CARDS[:10], 2),
        ("1", "11", CARDS[:20], 3),
        ("3", "", CARDS[20:30], 4),
        ("3", "20", CARDS[20:40], 5),
        ("9", "500", CARDS[80:], None),
        ("99", "", CARDS[90:], None),
        ("x", "-5", CARDS[:10], 2),
        ("1", "9" * 5000, CARDS, None),
        ("1", "0", CARDS[:10], 2),
    ],
)
def test_what_a_page_holds(number: str, shown: str, cards: list[int], following: int | None) -> None:
    page = page_of(CARDS, 10, number, shown)
    assert list(page.object_list) == cards
    assert (page.next_page_number() if page.has_next() else None) == following


def test_nothing_is_a_page_too() -> None:
    assert list(page_of([], 10, "1", "30").object_list) == []


def test_one_answer_has_a_limit() -> None:
    assert len(page_of(range(1000), 10, "1", "900").object_list) == MOST_PAGES * 10


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
