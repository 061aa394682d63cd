"""Texts of rows: no secret of an address is written, and none that an earlier version wrote is shown."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test import Client

from activity.models import Activity
from downloads.models import DownloadFile, DownloadHistory
from settings_app.administrator import administrator
from tests.downloads.makers import make_install
from webclient.url_policy import masked_text

pytestmark = pytest.mark.django_db
SECRETS = ["SIGSECRET", "TOKSECRET", "PWSECRET", "AMZSECRET"]
URL = "https://ann:PWSECRET@cdn.example/x.bin?fileId=7&sig=SIGSECRET&Token=TOKSECRET&X-Amz-Signature=AMZSECRET"
TEXT = f'403 for url: "{URL}" and /y?signature=SIGSECRET&a=1 (see \\ "it")'


def test_only_the_values_of_secrets_and_signatures_go() -> None:
    assert masked_text(TEXT) == (
        '403 for url: "https://***@cdn.example/x.bin?fileId=7&sig=***&Token=***&X-Amz-Signature=***" '
        'and /y?signature=***&a=1 (see \\ "it")'
    )
    for text in ["mail ann@x.example", "a=1 & key=2", "https://h.example/x?monkey=1&keys=2", "100 % = all"]:
        assert masked_text(text) == text


def test_what_is_written_is_masked() -> None:
    entry = Activity.log("error", "failed", "It broke", TEXT)
    row = make_install(status="failed", error_message=TEXT)
    with connection.cursor() as cursor:
        cursor.execute("SELECT subtitle FROM activity WHERE id = %s", [entry.pk])
        stored = cursor.fetchone()[0]
        cursor.execute("SELECT error_message FROM download_history WHERE id = %s", [row.pk])
        stored += cursor.fetchone()[0]
    assert "fileId=7" in stored
    assert not any(secret in stored + entry.subtitle for secret in SECRETS)


def test_a_text_that_grows_by_it_still_fits_its_column() -> None:
    title = "https://h.example/?se=1" + "&se=1" * 35
    Activity.objects.create(type="error", status="failed", title=title[:200])
    assert len(Activity.objects.get().title) <= 200


def test_what_an_earlier_version_wrote_is_shown_without_its_secrets() -> None:
    row = make_install(status="failed", preset_id="OLD")
    entry = Activity.log("error", "failed", "It broke", download_id=row.pk)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE download_history SET error_message = %s", [TEXT])
        cursor.execute("UPDATE download_file SET error = %s, url = %s", [TEXT, URL])
        details = json.dumps({"text": TEXT, "url": URL})
        cursor.execute("UPDATE activity SET subtitle = %s, details = %s", [TEXT, details])
    assert Activity.objects.get().details["text"] == masked_text(TEXT)
    assert DownloadHistory.objects.values_list("error_message", flat=True).get() == masked_text(TEXT)
    assert DownloadFile.objects.get().error == masked_text(TEXT)
    owner = Client(SERVER_NAME="localhost")
    owner.force_login(administrator())
    for path in [
        "/downloads/",
        f"/downloads/{row.pk}/",
        f"/api/downloads/{row.pk}",
        "/api/downloads/history",
        "/activity/",
        "/api/activity/recent",
        "/api/activity/export?format=json",
        "/api/activity/export?format=csv",
        f"/admin/downloads/downloadhistory/{row.pk}/change/",
        f"/admin/activity/activity/{entry.pk}/change/",
    ]:
        answer = owner.get(path)
        text = (answer.getvalue() if answer.streaming else answer.content).decode()
        assert answer.status_code == 200, path
        assert not [secret for secret in SECRETS if secret in text], path
