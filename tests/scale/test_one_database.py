"""Several machines on one PostgreSQL: they start together, let in whoever one of them let in, and see one workspace."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import requests
from websockets.sync.client import connect

from comfydash.migration_lock import LOCK
from comfydash.shared_workspace import MARKER
from tests.comfydash.serving import ROOT, Serve, wait_for
from volumes.runtime_folder import RuntimeFolder

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.sampled(8, of="one database")]
KEY = secrets.token_hex(32)
PASSWORD = "correct horse battery"
LIMIT = 60  # seconds


class Machines:
    """Each with a data folder of its own, on one database and, unless told otherwise, one workspace."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.database = folder, database
        self.running: list[Serve] = []

    def environment(self, name: str, **more: str) -> dict[str, str]:
        own = self.folder / name
        variables = {
            "DATABASE_URL": self.database,
            "COMFYDASH_SECRET_KEY": KEY,
            "COMFYDASH_PASSWORD": PASSWORD,
            "COMFYDASH_DATA_DIR": str(own / "data"),
            "COMFYDASH_LOG_DIR": str(own / "logs"),
        }
        return {name: value for name, value in (variables | more).items() if value}

    def start(self, name: str, *arguments: str, **more: str) -> Serve:
        serve = Serve(self.folder / "workspace", *arguments, **self.environment(name, **more))
        self.running.append(serve)
        return serve

    def web(self, name: str, **more: str) -> Serve:
        return self.start(name, "--no-worker", **more)

    def manage(self, name: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("COMFYDASH_", "DJANGO_"))}
        workspace = {"COMFYDASH_WORKSPACE": str(self.folder / "workspace")}
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=clean | workspace | self.environment(name, **more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=2 * LIMIT,
        )

    def end(self) -> None:
        for serve in self.running:
            if serve.process.poll() is None:
                serve.stop()
            assert serve.process.stdout
            serve.process.stdout.close()
        for data in self.folder.glob("*/data"):
            shutil.rmtree(RuntimeFolder(data).path, ignore_errors=True)


def machines_on(postgres_url: str, folder: Path, template: str) -> Iterator[Machines]:
    name = f"fleet_{secrets.token_hex(4)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    machines = Machines(folder, f"{postgres_url.rpartition('/')[0]}/{name}")
    yield machines
    machines.end()


@pytest.fixture
def machines(postgres_url: str, tables: str, tmp_path: Path) -> Iterator[Machines]:
    yield from machines_on(postgres_url, tmp_path, tables)


@pytest.fixture
def first_machines(postgres_url: str, tmp_path: Path) -> Iterator[Machines]:
    """On a database without tables."""
    yield from machines_on(postgres_url, tmp_path, "template1")


def refused(serve: Serve) -> str:
    assert serve.wait() == 1
    return serve.output


# --- The start ------------------------------------------------------------------------------------------------------


def test_five_that_start_together_on_an_empty_database_all_come_up(first_machines: Machines) -> None:
    webs = [first_machines.web(f"web{number}") for number in range(2)]
    workers = [first_machines.start(f"worker{number}", "--no-web") for number in range(3)]
    for serve in webs:
        assert serve.url
    for serve in workers:
        serve.wait_for_line("The worker starts")
    for serve in webs:
        serve.wait_until_healthy()
    assert [serve.process.poll() for serve in [*webs, *workers]] == [None] * 5


def test_who_finds_the_tables_being_changed_waits_and_goes_on(first_machines: Machines) -> None:
    with psycopg.connect(first_machines.database, application_name="comfydash on elsewhere") as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        web = first_machines.web("web")
        web.wait_for_line("comfydash on elsewhere brings the tables up to date; this waits for it.")
        assert not [line for line in web.lines if "ready: " in line]
        holder.rollback()
        assert web.url


IMPATIENT = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "comfydash.settings"
import django; django.setup()
from comfydash import migration_lock
migration_lock.WAIT_SECONDS = 0
try:
    with migration_lock.alone():
        print("alone")
except migration_lock.CannotStart as refusal:
    print(refusal)
"""


def test_nobody_waits_for_the_tables_for_ever(machines: Machines) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("COMFYDASH_", "DJANGO_"))}
    (machines.folder / "web/data").mkdir(parents=True)
    with psycopg.connect(machines.database, application_name="comfydash on elsewhere") as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        done = subprocess.run(
            [sys.executable, "-c", IMPATIENT],
            cwd=ROOT,
            env=clean | machines.environment("web"),
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
    assert "comfydash on elsewhere has been bringing the tables up to date for" in done.stdout
    assert "start this again" in done.stdout


# --- One secret for all ---------------------------------------------------------------------------------------------


def log_in(browser: requests.Session, web: Serve, password: str = PASSWORD) -> requests.Response:
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(f"{web.url}/login/", timeout=LIMIT).text)
    assert token
    body = {"password": password, "csrfmiddlewaretoken": token[1]}
    return browser.post(f"{web.url}/login/", data=body, timeout=LIMIT, allow_redirects=False)


def is_in(browser: requests.Session, web: Serve) -> bool:
    return browser.get(f"{web.url}/settings/", timeout=LIMIT, allow_redirects=False).status_code == 200


def test_who_is_let_in_by_one_web_is_known_to_the_other(machines: Machines) -> None:
    one = machines.web("one")
    assert one.url
    two = machines.web("two")
    browser = requests.Session()
    assert log_in(browser, one).status_code == 302
    assert is_in(browser, one)
    assert is_in(browser, two)

    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)
    address = two.url.replace("http://", "ws://") + "/ws/dashboard"
    with connect(address, additional_headers={"Cookie": cookies}, proxy=None, open_timeout=LIMIT) as opened:
        assert json.loads(opened.recv(timeout=LIMIT))["type"] == "snapshot"

    page = browser.get(f"{two.url}/settings/", timeout=LIMIT).text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    browser.post(f"{two.url}/logout/", data={"csrfmiddlewaretoken": token[1]}, timeout=LIMIT)
    assert not is_in(browser, one)


def test_wrong_passwords_are_counted_together_and_a_known_browser_is_known_everywhere(machines: Machines) -> None:
    one = machines.web("one")
    assert one.url
    two = machines.web("two")
    known = requests.Session()
    log_in(known, one)
    known.cookies.clear(domain="127.0.0.1", path="/", name="comfydash_session")
    stranger = requests.Session()
    tries = [log_in(stranger, (one, two)[number % 2], "wrong").status_code for number in range(6)]
    assert tries == [200, 200, 200, 200, 200, 429]

    assert log_in(known, two).status_code == 302


def test_a_key_and_a_login_link_of_one_work_on_the_other_and_the_link_once(machines: Machines) -> None:
    one = machines.web("one")
    assert one.url
    two = machines.web("two")
    link = machines.manage("one", "login_link").stdout.strip().splitlines()[-1]
    path = "/login/link/" + link.rpartition("/login/link/")[2]
    browsers = requests.Session(), requests.Session()
    answers = []
    for browser, web in zip(browsers, (two, one), strict=True):
        page = browser.get(f"{web.url}{path}", timeout=LIMIT)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        body = {"csrfmiddlewaretoken": token[1]} if token else {}
        browser.post(page.url, data=body, timeout=LIMIT)
        answers.append(page.status_code)
    assert answers == [200, 410]
    browser = browsers[0]
    assert is_in(browser, one)

    headers = {"X-CSRFToken": browser.cookies["comfydash_csrf"], "Origin": one.url}
    made = browser.post(f"{one.url}/api/settings/api-key", headers=headers, timeout=LIMIT).json()["key"]
    bearer = {"Authorization": f"Bearer {made}"}
    assert requests.get(f"{two.url}/api/settings", headers=bearer, timeout=LIMIT).status_code == 200


def test_a_process_with_another_key_is_refused_and_told_what_to_do(machines: Machines) -> None:
    assert machines.web("one").url
    said = refused(machines.web("two", COMFYDASH_SECRET_KEY=secrets.token_hex(32)))
    assert "COMFYDASH_SECRET_KEY is not the key of this database" in said
    said = refused(machines.web("three", COMFYDASH_SECRET_KEY=""))
    assert "COMFYDASH_SECRET_KEY is not set" in said
    assert str(machines.folder / "three/data/secret_key") in said


def test_the_key_of_the_first_data_folder_can_be_given_to_all(machines: Machines) -> None:
    """How a PostgreSQL that one machine used so far is opened to a second one: nobody is logged out."""
    one = machines.web("one", COMFYDASH_SECRET_KEY="")
    one.wait_for_line("a web or worker with another data folder cannot share this database")
    browser = requests.Session()
    log_in(browser, one)
    key = (machines.folder / "one/data/secret_key").read_text().strip()
    assert is_in(browser, machines.web("two", COMFYDASH_SECRET_KEY=key))
    one.stop()
    assert is_in(browser, machines.web("one", COMFYDASH_SECRET_KEY=key))


# --- One workspace --------------------------------------------------------------------------------------------------


def test_a_process_that_sees_another_models_folder_is_refused_by_name(machines: Machines) -> None:
    assert machines.web("one").url
    other = machines.folder / "other-models"
    other.mkdir()
    said = refused(machines.start("two", "--no-web", COMFYDASH_MODELS_DIR=str(other)))
    assert f"the models folder {other} (COMFYDASH_MODELS_DIR) has no {MARKER} in it (is its volume mounted?)" in said
    assert "adopt_workspace" in said
    assert not (other / MARKER).exists()
    done = machines.manage("two", "list_presets", COMFYDASH_MODELS_DIR=str(other))
    assert (done.returncode, "does not see the workspace" in done.stdout) == (1, True)

    (other / MARKER).write_text("0123456789abcdef\n")
    said = refused(machines.start("two", "--no-web", COMFYDASH_MODELS_DIR=str(other)))
    assert f"the models folder {other} (COMFYDASH_MODELS_DIR) is another one" in said


@pytest.mark.parametrize(("variable", "title"), [("PRESETS_FILE", "config"), ("WORKFLOW_DIRS", "workflows")])
def test_another_config_or_workflows_folder_is_refused_too(machines: Machines, variable: str, title: str) -> None:
    assert machines.web("one").url
    elsewhere = machines.folder / "elsewhere" / ("presets.yaml" if variable == "PRESETS_FILE" else "")
    said = refused(machines.web("two", **{f"COMFYDASH_{variable}": str(elsewhere)}))
    assert f"the {title} folder {machines.folder / 'elsewhere'}" in said


def test_of_two_that_begin_a_database_with_different_folders_one_is_refused(machines: Machines) -> None:
    starting = [machines.web(name, COMFYDASH_MODELS_DIR=str(machines.folder / name / "models")) for name in ("a", "b")]
    wait_for(lambda: any(serve.process.poll() is not None for serve in starting), name="one of them ends")
    [out] = [serve for serve in starting if serve.process.poll() is not None]
    [here] = [serve for serve in starting if serve is not out]
    assert "does not see the workspace of its database" in refused(out)
    assert here.url


def test_a_moved_workspace_is_adopted_by_one_command_and_kept_from_then_on(machines: Machines) -> None:
    machines.web("one").wait_for_line("ready: ")
    machines.running[0].stop()
    moved = {"COMFYDASH_MODELS_DIR": str(machines.folder / "moved"), "COMFYDASH_SECRET_KEY": secrets.token_hex(32)}
    done = machines.manage("one", "adopt_workspace", **moved)
    assert (done.returncode, f"The models folder is now {moved['COMFYDASH_MODELS_DIR']}." in done.stdout) == (0, True)
    assert "The secret key of this process is the database's now" in done.stdout
    assert f"The config folder is still {machines.folder / 'workspace/config'}." in done.stdout

    assert machines.web("one", **moved).url
    assert "COMFYDASH_SECRET_KEY is not the key" in refused(machines.web("two"))


def test_a_dump_that_is_restored_finds_its_workspace_and_no_other(machines: Machines, postgres_url: str) -> None:
    """As docs/deployment.md has it."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_dump"))[-1].parent
    web = machines.web("one")
    assert web.url
    web.stop()
    dump = machines.folder / "comfydash.dump"
    subprocess.run([programs / "pg_dump", "--format=custom", f"--file={dump}", machines.database], check=True)
    restored = f"{machines.database}_restored"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {restored.rpartition('/')[2]}")
    options = ["--clean", "--if-exists", "--no-owner", f"--dbname={restored}"]
    subprocess.run([programs / "pg_restore", *options, dump], check=True)

    assert machines.web("one", DATABASE_URL=restored).url
    new = str(machines.folder / "new-models")
    said = refused(machines.web("two", DATABASE_URL=restored, COMFYDASH_MODELS_DIR=new))
    assert f"the models folder {new} (COMFYDASH_MODELS_DIR) has no {MARKER} in it" in said


def test_a_folder_that_cannot_be_marked_keeps_nobody_out_and_is_said(machines: Machines) -> None:
    """As for a web that may only read, and starts before any worker did."""
    web = machines.web("web", COMFYDASH_MODELS_DIR="/proc/no-models")
    assert web.url
    web.wait_for_line("The models folder /proc/no-models cannot be marked")


def test_sqlite_is_not_bothered_with_markers(machines: Machines) -> None:
    assert machines.web("one", DATABASE_URL="").url
    assert not list(machines.folder.rglob(MARKER))
