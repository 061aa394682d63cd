"""A queue of any length: what is told of it stays small, and every verb takes the same number of statements."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from activity.models import Activity
from downloads.models import DownloadHistory, Status
from downloads.queue_several import retry_failed
from downloads.queue_status import queue_head
from settings_app.administrator import administrator
from tests.downloads.makers import make_install, make_many

pytestmark = pytest.mark.django_db


def owner() -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(administrator())
    return client


def queries(act) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        act()
    return len(captured)


def test_the_pages_of_the_queue_bring_each_row_once():
    make_many(130)
    make_many(70, Status.WAITING, start=1000)
    script, ids, items, offset = owner(), [], [], 0
    while offset is not None:
        answer = script.get(f"/api/presets/queue/status?offset={offset}&limit=30").json()
        ids += answer["queue"]
        items += [item["preset_id"] for item in answer["items"]]
        offset = answer["next_offset"]

    assert ids == [f"Pq{index}" for index in range(130)]
    assert sorted(items) == sorted(DownloadHistory.objects.values_list("preset_id", flat=True))


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "offset=-1", "limit=x"])
def test_a_page_that_cannot_be_is_refused(query):
    assert owner().get(f"/api/presets/queue/status?{query}").status_code == 400


@pytest.mark.parametrize("wide", [False, True])
def test_the_largest_page_of_the_queue_brings_each_row_once_and_reads_no_more_than_it_tells(wide):
    make_many(700, wide=wide)
    make_many(700, Status.WAITING, wide=wide, start=1000)
    make_many(700, Status.PAUSED, wide=wide, start=2000)
    script, items, offset = owner(), set(), 0
    while offset is not None:
        with CaptureQueriesContext(connection) as captured:
            answer = script.get(f"/api/presets/queue/status?offset={offset}&limit=500")
        assert sum("LIMIT 200" in query["sql"] for query in captured) == 3 or offset >= 500
        assert len(answer.content) < 300_000
        items |= {item["preset_id"] for item in answer.json()["items"]}
        offset = answer.json()["next_offset"]
    assert items == set(DownloadHistory.objects.values_list("preset_id", flat=True))


@pytest.mark.parametrize("wide", [False, True], ids=["long errors", "long everything"])
def test_the_largest_page_of_the_history_has_every_row_and_stays_small(wide):
    make_many(500, Status.FAILED, wide=wide)
    DownloadHistory.objects.update(error_message="The host said no: " + "ü" * 3000)
    script = owner()

    answer = script.get("/api/downloads/history?limit=500")

    assert len(answer.content) < 300_000
    rows = answer.json()["downloads"]
    assert [row["id"] for row in rows] == list(DownloadHistory.objects.order_by("-id").values_list("pk", flat=True))
    assert rows[0]["error_message"].startswith("The host")
    assert rows[0]["error_message"].endswith("…")
    whole = script.get(f"/api/downloads/{rows[0]['id']}").json()
    assert whole["error_message"].endswith("üü")


def test_short_texts_of_the_history_are_left_as_they_are():
    make_many(3, Status.FAILED)
    DownloadHistory.objects.update(error_message="x" * 9000)
    rows = owner().get("/api/downloads/history?limit=500").json()["downloads"]
    assert [len(row["error_message"]) for row in rows] == [9000] * 3


def test_a_late_page_of_the_history_asks_of_its_own_rows_alone_whether_they_were_tried_again():
    make_many(120, Status.FAILED)
    make_install(Status.COMPLETED, preset_id="Pf119")
    with CaptureQueriesContext(connection) as captured:
        last = owner().get("/downloads/?page=3").content.decode()
        owner().get("/downloads/?page=2")
    found = [query["sql"] for query in captured if '"download_history"."id" AS "pk"' in query["sql"]]
    first = owner().get("/downloads/?page=1").content.decode()
    assert [sql.partition("ORDER BY")[2] for sql in found] == [
        ' "download_history"."id" ASC LIMIT 21',  # the last page: from the end, whatever stands before it
        ' "download_history"."id" DESC LIMIT 50 OFFSET 50',
    ]
    assert len(re.findall(r'\saction="/downloads/\d+/retry/"', last)) == 21
    assert len(re.findall(r'\saction="/downloads/\d+/retry/"', first)) == 48  # neither done nor tried again


HISTORY = {"HX-Request": "true", "HX-Target": "history"}


def test_the_page_and_the_panel_show_a_part_with_links_to_the_rest():
    make_many(120)
    admin = owner()

    pages = (admin.get(f"/downloads/?q=x&queued={number}").content.decode() for number in (1, 2))
    first, second = (" ".join(page.split()) for page in pages)

    assert first.count("data-place=") == second.count("data-place=") == 25
    assert re.search(r'href="\?q=x&amp;queued=2"\s[^>]*>After', first)
    assert '<input type="hidden" name="queued" value="2" form="history-filters">' in second
    assert admin.get("/downloads/?queued=2", headers=HISTORY).content.decode().count('name="queued"') == 0
    assert "26–50 of 120" in second
    assert "?first=25" in second
    assert "95 more are queued." in admin.get("/downloads/queue/").content.decode()
    for odd in ("0", "-1", "x", "9" * 30, "6"):
        assert admin.get(f"/downloads/?queued={odd}").status_code == 200


def test_a_page_of_the_history_takes_along_what_stands_in_its_form_by_then():
    make_many(60, Status.FAILED)
    page = " ".join(owner().get("/downloads/").content.decode().split())
    (pager,) = re.findall(r'<nav class="pager" aria-label="Pages of the history".*?</nav>', page)
    assert 'hx-include="#history-filters"' in pager
    assert """hx-get="/downloads/" hx-vals='{"page": 2}'>Older""" in pager


def test_dragging_on_the_second_page_counts_from_its_first_row():
    make_many(60)
    rows = list(DownloadHistory.objects.order_by("position"))
    owner().post(reverse("downloads:place", args=[rows[58].pk]) + "?first=50", {"position": "2"})
    assert queue_head()["queue"].index("Pq58") == 52


PATHS = ["/", "/downloads/", "/downloads/queue/", "/models/", "/workflows/", "/storage/", "/api/presets/queue/status"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.usefixtures("settings_read_once")
def test_no_page_grows_with_the_queue(path):
    counts, sizes, admin = [], [], owner()
    for number, start in ((60, 0), (540, 60)):
        make_many(number, start=start)
        make_many(number, Status.WAITING, start=5000 + start)
        admin.get(path)
        counts.append(queries(lambda: sizes.append(len(admin.get(path).content))))
    assert counts[1] <= counts[0]
    assert max(sizes) < 300_000


VERBS = {
    "top": lambda row: row.move("top"),
    "up": lambda row: row.move("up"),
    "down": lambda row: row.move("down"),
    "bottom": lambda row: row.move("bottom"),
    "far up": lambda row: row.place(0),
    "far down": lambda row: row.place(10**6),
    "skip": lambda row: row.skip(),
    "pause": lambda row: row.pause(),
    "cancel": lambda row: row.cancel(),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_takes_the_same_statements_in_any_queue(verb):
    counts = []
    for number, start in ((60, 0), (540, 1000)):
        make_many(number, start=start)
        row = DownloadHistory.objects.filter(status=Status.QUEUED).order_by("position")[30]
        counts.append(queries(lambda row=row: VERBS[verb](row)))
    assert counts[0] == counts[1]
    assert counts[0] < 20


@pytest.mark.parametrize("equal", [False, True], ids=["own places", "all at one place"])
@pytest.mark.parametrize("index", range(6))
@pytest.mark.parametrize("to", range(6))
def test_a_row_comes_to_stand_where_it_was_put(index, to, equal):
    rows = [make_install(position=7 if equal else 3 * number) for number in range(6)]
    ids = [row.preset_id for row in rows]

    rows[index].place(to)

    ids.insert(to, ids.pop(index))
    assert queue_head()["queue"] == ids


def test_a_paused_row_keeps_its_place_between_those_that_move():
    rows = [make_install() for _ in range(5)]
    rows[2].pause()
    rows[4].place(1)
    rows[2].resume()
    assert queue_head()["queue"] == [rows[index].preset_id for index in (0, 4, 1, 2, 3)]


def test_retry_all_takes_the_same_statements_for_any_number():
    make_install(Status.FAILED)
    retry_failed()  # the catalogues are read
    DownloadHistory.objects.update(status=Status.COMPLETED)
    counts = []
    for number, start in ((60, 0), (600, 1000)):
        make_many(number, Status.FAILED, start=start, files=2)
        counts.append(queries(retry_failed))
        assert DownloadHistory.objects.filter(status=Status.QUEUED).count() == number
        DownloadHistory.objects.update(status=Status.COMPLETED)
    assert counts[0] == counts[1]
    row = DownloadHistory.objects.latest("id")
    assert row.files.count() == row.files_total == 2
    assert list(row.files.values_list("status", "optional")) == [("pending", False)] * 2


def test_retry_all_keeps_what_a_person_said_of_each():
    make_install(Status.FAILED, preset_id="ONE", conflict="keep_both")
    make_install(Status.FAILED, preset_id="TWO", force=True)
    retry_failed()
    new = DownloadHistory.objects.filter(status=Status.QUEUED).order_by("position")
    assert list(new.values_list("preset_id", "conflict", "force")) == [("ONE", "keep_both", False), ("TWO", "", True)]


def test_rows_without_files_are_left_out_of_retry_all_and_said():
    old = make_install(Status.FAILED, files=0, title="Old one")
    good = make_install(Status.FAILED)
    bad = make_install(Status.FAILED)
    bad.files.update(path="../../etc/passwd")
    script = owner()

    answer = script.post("/api/downloads/retry-failed").json()

    assert (answer["queued"], answer["left_out"]) == (1, 2)
    assert "2 could not be retried" in answer["message"]
    assert list(DownloadHistory.objects.filter(status=Status.QUEUED).values_list("preset_id", flat=True)) == [
        good.preset_id
    ]
    for row in (old, bad):
        refused = script.post(f"/api/downloads/{row.pk}/retry")
        assert (refused.status_code, bool(refused.json()["detail"])) == (409, True)
        assert script.post(f"/api/presets/{row.preset_id}/retry").status_code == 409
        for path in (f"/api/downloads/{row.pk}", f"/api/presets/{row.preset_id}/status", f"/downloads/{row.pk}/"):
            assert script.get(path).status_code == 200
        assert script.post(f"/downloads/{row.pk}/retry/").status_code == 302
    assert script.post("/downloads/retry-failed/").status_code == 302
    assert "could not be retried" in script.get("/downloads/").content.decode()


def test_the_admin_retries_the_others_and_says_which_number_it_could_not():
    old, good = make_install(Status.FAILED, files=0), make_install(Status.FAILED)
    done = make_install(Status.COMPLETED)
    path = "/admin/downloads/downloadhistory/"
    chosen = {"action": "retry", "_selected_action": [old.pk, good.pk, done.pk]}

    text = owner().post(path, chosen, follow=True).content.decode()

    assert "1 queued again. 1 could not be retried" in text
    assert DownloadHistory.objects.filter(status=Status.QUEUED).count() == 1


def test_the_admin_cancels_any_number_in_the_same_statements():
    counts, admin = [], owner()
    for number in (10, 80):
        DownloadHistory.objects.all().delete()
        make_many(number)
        chosen = {
            "action": "cancel",
            "select_across": "1",
            "_selected_action": [DownloadHistory.objects.latest("id").pk],
        }
        counts.append(queries(lambda chosen=chosen: admin.post("/admin/downloads/downloadhistory/", chosen)))
        assert DownloadHistory.objects.filter(status=Status.CANCELLED).count() == number
    assert counts[0] == counts[1]
    assert Activity.objects.filter(status="cancelled").count() == 90
