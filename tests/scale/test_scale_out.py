"""Beyond one machine: PostgreSQL holds the rows, Redis carries Huey's messages and the events. Same code."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading

import pytest
import requests
from websockets.sync.client import connect

from tests.comfydash.serving import ROOT, serving, wait_for
from tests.comfydash.stories.test_socket import CATALOGUE, KEY
from tests.fakehub import FakeHub

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.redis]
HEADERS = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def hub():
    with FakeHub() as hub:
        yield hub


@pytest.fixture(scope="module")
def variables(postgres_url, redis_url, hub):
    return {
        "DATABASE_URL": postgres_url,
        "REDIS_URL": redis_url,
        "HF_ENDPOINT": hub.url,
        "COMFYDASH_API_KEY": KEY,
        "COMFYDASH_ALLOW_PRIVATE_HOSTS": "on",
    }


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    workspace = tmp_path_factory.mktemp("workspace")
    (workspace / "config").mkdir()
    (workspace / "config/presets.yaml").write_text(CATALOGUE)
    return workspace


@pytest.fixture(scope="module")
def dash(workspace, variables):
    with serving(workspace, **variables) as dash:
        dash.wait_until_healthy()
        yield dash


def ask(dash, method, path, **kwargs):
    return requests.request(method, f"{dash.url}/api{path}", headers=HEADERS, timeout=30, **kwargs)


def status(dash):
    answer = ask(dash, "GET", "/presets/ONE/status")
    return answer.json()["status"] if answer.ok else ""


def test_an_install_travels_through_postgresql_and_redis_to_the_socket(dash, hub, workspace):
    hub.heal()
    file = hub.add_file("org/one", "one.safetensors", size=12_000_000)
    hub.total_speed = 12_000_000
    url = dash.url.replace("http://", "ws://") + "/ws/dashboard"
    with connect(url, additional_headers=HEADERS, proxy=None, open_timeout=20) as opened:
        assert json.loads(opened.recv(timeout=20))["type"] == "snapshot"
        assert ask(dash, "POST", "/presets/ONE/install").json()["status"] == "queued"
        kinds: list[str] = []
        while not kinds or kinds[-1] != "download_complete":
            kinds.append(json.loads(opened.recv(timeout=60))["type"])

    assert "download_progress" in kinds
    on_disk = workspace / "models/checkpoints/one.safetensors"
    assert hashlib.sha256(on_disk.read_bytes()).hexdigest() == file.sha256
    assert not (workspace / "data/dashboard.db").exists()


def test_the_lease_of_a_killed_worker_runs_out(dash, hub):
    ask(dash, "DELETE", "/presets/ONE/files")
    hub.total_speed = 0
    file = hub.add_file("org/one", "one.safetensors", size=12_000_000)
    gate = hub.gate(file, at_byte=6_000_000)
    ask(dash, "POST", "/presets/ONE/install")
    assert gate.reached.wait(30)

    os.kill(dash.child("worker"), signal.SIGKILL)

    wait_for(lambda: status(dash) == "failed", 60, "failed")
    assert ask(dash, "GET", "/presets/ONE/status").json()["reason"] == "interrupted"
    hub.heal()
    assert ask(dash, "POST", "/presets/ONE/retry").json()["status"] == "queued"
    wait_for(lambda: status(dash) == "completed", 60, "completed")


CLAIM = """
import os, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "comfydash.settings"
import django; django.setup()
from downloads.models import DownloadHistory
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
won = 0
for _ in range(20):
    row = DownloadHistory.claim_next()
    if row is not None:
        won += 1
        time.sleep(0.002)
        assert DownloadHistory.objects.filter(status="downloading").count() == 1
        row.fail("network", "over")
print(won)
"""
QUEUE = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "comfydash.settings"
import django; django.setup()
from downloads.models import DownloadHistory
for number in range(20):
    DownloadHistory.objects.create(preset_id=f"RACE_{number}", title="Race", position=number)
"""
RACED = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "comfydash.settings"
import django; django.setup()
from downloads.models import DownloadHistory
rows = DownloadHistory.objects.filter(preset_id__startswith="RACE_")
print(sorted(rows.values_list("status", "claim")))
"""


def test_two_machines_never_claim_two_installs_at_once(postgres_url, redis_url, variables, tmp_path):
    """Two processes race for twenty rows; the database holds no dashboard of its own meanwhile."""
    race_url = f"{postgres_url.rpartition('/')[0]}/race"
    with _connected(postgres_url) as connection:
        connection.execute("CREATE DATABASE race")
    environment = {**os.environ, **variables, "DATABASE_URL": race_url, "COMFYDASH_WORKSPACE": str(tmp_path)}
    _run(environment, "manage.py", "migrate")
    _run(environment, "-c", QUEUE)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "ready\n"
    answers: list[str] = []
    threads = [threading.Thread(target=lambda r=racer: answers.append(r.communicate("go\n")[0])) for racer in racers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [racer.returncode for racer in racers] == [0, 0]
    rows = _run(environment, "-c", RACED)
    claimed = rows.count("('failed', 1)")
    assert claimed == sum(int(answer) for answer in answers)
    assert claimed + rows.count("('queued', 0)") == 20


def _connected(url):
    import psycopg

    return psycopg.connect(url, autocommit=True)


def _run(environment, *arguments):
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout
