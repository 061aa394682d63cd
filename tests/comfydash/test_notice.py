"""What became of a database that was set aside stands on every page until somebody has read it."""

from __future__ import annotations

import pytest
from django.test import Client

from activity.models import Activity
from comfydash import notice
from comfydash.recovery import database, set_aside
from comfydash.recovery.database import CarryOver
from settings_app.administrator import administrator
from tests.comfydash.recovery.test_database import make

pytestmark = pytest.mark.django_db

PAGES = ("/", "/models/", "/downloads/", "/workflows/", "/storage/", "/activity/", "/settings/", "/admin/")
TITLE = "The database was damaged and has been made anew."


@pytest.fixture
def owner(settings, tmp_path) -> Client:
    settings.DATA_DIR = tmp_path
    client = Client(SERVER_NAME="localhost")
    client.force_login(administrator())
    return client


def test_nothing_is_said_while_nothing_happened(owner):
    assert notice.current() is None
    assert b'id="notice"' not in owner.get("/").content


def test_it_stands_on_every_page_until_it_is_dismissed(owner):
    notice.keep(TITLE, "Carried over: 3 of settings. The old file is <there>.")
    Activity.objects.all().delete()
    for page in PAGES:
        shown = owner.get(page).content.decode()
        assert (page, shown.count('id="notice"'), TITLE in shown, "&lt;there&gt;" in shown) == (page, 1, True, True)

    answer = owner.post("/notice/dismiss/", {"next": "/storage/"})
    assert (answer.status_code, answer["Location"]) == (302, "/storage/")
    for page in PAGES:
        assert 'id="notice"' not in owner.get(page).content.decode()


def test_a_stranger_neither_reads_nor_dismisses_it(owner):
    notice.keep(TITLE, "Where the old file lies is nobody's business.")
    stranger = Client(SERVER_NAME="localhost")
    assert TITLE not in stranger.get("/login/").content.decode()
    assert stranger.post("/notice/dismiss/")["Location"].startswith("/login/")
    assert owner.get("/notice/dismiss/").status_code == 405
    assert notice.current() is not None


def test_after_it_was_dismissed_nobody_is_led_to_another_host(owner):
    assert owner.post("/notice/dismiss/", {"next": "https://evil.example/"})["Location"] == "/"


def test_a_note_that_cannot_be_read_hides_no_page(owner, settings):
    (settings.DATA_DIR / "notice.json").write_text("[half a no")
    assert owner.get("/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_database_that_was_set_aside_leaves_the_notice(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    file = make(tmp_path / "dashboard.db")
    aside = database.set_aside(file, "corrupt")
    CarryOver.of(file).begin("corrupt", aside, "page 3 is torn")
    make(file)  # stands for the tables made anew: the rescue fills this file
    set_aside.carry_over(file)
    said = notice.current()
    assert said is not None
    assert (said["title"], str(aside) in said["text"]) == (TITLE, True)
    assert said["text"].startswith("Carried over: ")
