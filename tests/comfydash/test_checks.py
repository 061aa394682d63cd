from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.db import connection

from comfydash.logfile import RotatingFile
from tests.comfydash.serving import ROOT


def ids(**kwargs: object) -> list[str]:
    return sorted(message.id for message in run_checks(tags=["comfydash"], **kwargs) if message.id)  # type: ignore[arg-type]


@pytest.fixture
def installed(settings, tmp_path: Path) -> Path:
    """An installation without faults."""
    settings.DATA_DIR = tmp_path
    settings.MODELS_DIR = tmp_path / "models"
    settings.PRESETS_FILE = tmp_path / "presets.yaml"
    key = tmp_path / "secret_key"
    key.write_text("secret")
    key.chmod(0o600)
    return tmp_path


@pytest.mark.django_db
def test_nothing_is_found_in_order(installed):
    assert ids(databases=["default"]) == []


def test_a_key_that_others_can_read(installed):
    (installed / "secret_key").chmod(0o644)
    assert ids() == ["comfydash.W002"]


def test_a_key_that_cannot_be_made(installed):
    (installed / "secret_key").unlink()
    assert ids() == ["comfydash.E002"]


def test_folders_that_cannot_be_written(installed, settings):
    settings.MODELS_DIR = Path("/proc/models")  # not even root can
    settings.DATA_DIR = Path("/proc/data")
    assert ids() == ["comfydash.E001", "comfydash.E002", "comfydash.W001"]


def test_a_presets_file_that_is_a_folder(installed, settings):
    settings.PRESETS_FILE = installed
    assert ids() == ["comfydash.W003"]


@pytest.mark.parametrize(
    ("host", "found"),
    [("127.0.0.1", []), ("127.8.8.8", []), ("::1", []), ("0.0.0.0", ["comfydash.W004"]), ("::", ["comfydash.W004"])],
)
def test_no_login_is_said_loudly_beyond_this_machine(installed, settings, monkeypatch, host, found):
    settings.AUTH_ON = False
    monkeypatch.setenv("COMFYDASH_LISTEN_HOST", host)
    assert ids() == found


@pytest.mark.django_db
def test_a_rollback_journal_is_explained(installed, settings):
    settings.SQLITE_JOURNAL_MODE = "delete"
    assert ids(databases=["default"]) == ["comfydash.W005"]


@pytest.mark.django_db
def test_a_newer_schema_is_an_error_with_the_names(installed):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('activity', '0099_x', '2030-01-01')")
    [message] = run_checks(tags=["comfydash"], databases=["default"])
    assert (message.id, "activity.0099_x" in message.msg) == ("comfydash.E003", True)


@pytest.mark.django_db
def test_migrations_of_an_app_that_is_no_more_are_no_newer_schema(installed):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('gone', '0001_x', '2020-01-01')")
    assert ids(databases=["default"]) == []


@pytest.mark.slow
def test_check_deploy_is_clean_where_all_is_tls(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env={
            "PATH": "/usr/bin:/bin",
            "COMFYDASH_WORKSPACE": str(tmp_path),
            "COMFYDASH_TLS_ONLY": "on",
            "COMFYDASH_TRUSTED_ORIGINS": "https://dash.example",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.django_db
def test_a_redis_that_does_not_answer_is_said_without_its_password(installed, settings):
    settings.REDIS_URL = "redis://:hunter2@127.0.0.1:1/0"
    [message] = run_checks(tags=["comfydash"], databases=["default"])
    assert (message.id, "hunter2" in message.msg) == ("comfydash.W011", False)


def test_a_log_that_cannot_be_opened_costs_its_lines_and_is_said_once(tmp_path, capsys):
    handler = RotatingFile("/proc/no.log", delay=True)
    record = logging.LogRecord("x", logging.INFO, "x", 1, "a line", None, None)
    handler.handle(record)
    handler.handle(record)
    assert capsys.readouterr().err.count("cannot be written (") == 1
