from __future__ import annotations

from itertools import pairwise

import pytest

from downloads.models import DownloadHistory, Status
from downloads.queue_status import queue_head, queue_status
from tests.downloads.makers import make_install, make_many

pytestmark = pytest.mark.django_db


def test_the_picture_holds_the_first_of_each_status_and_counts_the_rest():
    make_many(700)
    make_many(60, Status.PAUSED, start=1000)
    make_many(60, Status.WAITING, start=2000)
    running = make_install(Status.DOWNLOADING, files=120)
    running.files.filter(path__endswith="-119.safetensors").update(status="downloading")
    running.files.filter(path__endswith="-118.safetensors").update(status="failed")

    answer = queue_status()

    assert answer["counts"] == {"queued": 700, "downloading": 1, "paused": 60, "waiting": 60}
    assert (len(answer["queue"]), answer["queue_total"]) == (500, 700)
    assert answer["queue"][0] == "Pq0"
    told = [item["status"] for item in answer["items"]]
    assert told == ["downloading"] + ["waiting"] * 50 + ["paused"] * 50 + ["queued"] * 50
    assert [len(item["files"]) for item in answer["items"] if "files" in item] == [100]
    assert [file["status"] for file in answer["items"][0]["files"]][:3] == ["downloading", "failed", "pending"]
    assert answer["items"][0]["files_total"] == 120


def test_the_revision_changes_with_each_change_and_only_then():
    rows = [make_install() for _ in range(5)]
    seen = [queue_head()["revision"]]
    assert queue_head()["revision"] == seen[0]
    DownloadHistory.objects.filter(pk=rows[0].pk).update(bytes_done=7)
    assert queue_head()["revision"] == seen[0]
    for change in (
        lambda: rows[3].move("up"),
        lambda: rows[4].move("top"),
        lambda: rows[0].pause(),
        lambda: rows[0].resume(),
        lambda: rows[1].cancel(),
        lambda: make_install(),
        lambda: DownloadHistory.claim_next(),
        lambda: rows[2].place(0),
    ):
        change()
        seen.append(queue_head()["revision"])
    assert all(before != after for before, after in pairwise(seen))
