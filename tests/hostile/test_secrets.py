"""Secrets run through a whole story of a real dashboard; afterwards they are looked for wherever anybody could look."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from django.urls import resolve
from websockets.sync.client import connect

from tests.comfydash.serving import Serve, serving, wait_for
from tests.fakehub import FakeHub
from tests.hostile.canaries import Hunt

pytestmark = pytest.mark.slow

TOKEN = "hf_" + "storedQwErTyCanaryOneZxCvBn" + "0123456"
FALLBACK = "hf_" + "fallbkPlMoKnCanaryTwoIjBuHv" + "6543210"  # HF_TOKEN: the environment of our processes has it
UNKNOWN = "hf_" + "refusdWsXeDcCanaryThreeRfVt" + "9876543"  # one that no Hub knows
PASSWORD = "correct-Kanarienvogel-battery-staple"
IN_A_URL = "credentialsCanaryFourInAnAddress"
SIZE = 3_000_000

PRESET = """
  {id}:
    name: The {id} one
    category: Pictures
    type: image
    description: For the story
    files: [{{path: checkpoints/{id}.safetensors, url: "{url}"}}]"""


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        yield hub


def catalogue(hub: FakeHub, version: str) -> str:
    gated = hub.add_file("org/gated", "gated.safetensors", size=SIZE, seed=1, gated=True)
    files = {
        "PUBLIC": hub.add_file("org/public", "public.safetensors", size=SIZE, seed=2).url,
        "GATED": gated.url,
        "REFUSED": hub.add_file("org/refused", "refused.safetensors", size=SIZE, gated=True).url,
        "MISSING": f"{hub.url}/org/public/resolve/main/not-there.safetensors",
        "ELSEWHERE": hub.add_document("elsewhere.safetensors", size=SIZE, seed=3).url,
        "REDIRECTED": hub.add_file("org/moved", "redirected.safetensors", size=SIZE, seed=4).url,
        "CREDENTIALS": f"http://me:{IN_A_URL}@{urlsplit(hub.cdn_url).netloc}/elsewhere.safetensors",
    }
    presets = "".join(PRESET.format(id=name, url=url) for name, url in files.items())
    categories = "categories: {Pictures: {description: P, type: image}}"
    return f'metadata: {{version: "{version}"}}\n{categories}\npresets:{presets}\n'


class Person:
    """A browser with a login, and a script with the key, whose every answer is kept for the hunt."""

    def __init__(self, serve: Serve, hunt: Hunt) -> None:
        self.url, self.hunt = serve.url, hunt
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.hooks["response"] = [lambda answer, **_: hunt.look_at_answer(answer)]

    def get(self, path: str, **kwargs: Any) -> requests.Response:
        return self.session.get(urljoin(self.url, path), timeout=60, **kwargs)

    def post(self, path: str, method: str = "POST", **kwargs: Any) -> requests.Response:
        headers = {"X-CSRFToken": self.session.cookies.get("comfydash_csrf", ""), "Referer": self.url}
        return self.session.request(method, urljoin(self.url, path), headers=headers, timeout=60, **kwargs)

    def install(self, preset_id: str) -> None:
        assert self.post(f"/api/presets/{preset_id}/install").ok

    def ends(self, preset_id: str, *states: str) -> None:
        def state() -> str:
            row = self.get(f"/api/presets/{preset_id}/status").json()
            return f"{row['status']} {row['reason']}".strip()

        wait_for(lambda: state() in states, name=f"{preset_id}: {states}, not {state()}")

    def walk(self, begin: str) -> int:
        """Follow every link from here, one of each kind; how many pages those are."""
        seen: set[str] = set()
        todo = deque([begin])
        while todo:
            path = todo.popleft()
            parts = urlsplit(path)
            if parts.path in {"/logout/", "/admin/logout/"} or path.startswith("/static/"):
                continue
            kind = resolve(parts.path).route
            if kind in seen:
                continue
            seen.add(kind)
            answer = self.get(path)
            if answer.headers["Content-Type"].startswith("text/html"):
                links = re.findall(r'(?:href|hx-get|src)="([^"#]+)', answer.text)
                inside = (urlsplit(urljoin(answer.url, link.replace("&amp;", "&"))) for link in links)
                todo.extend(
                    link._replace(scheme="", netloc="").geturl()
                    for link in inside
                    if link.netloc == urlsplit(self.url).netloc
                )
        return len(seen)


def listening(serve: Serve, person: Person) -> Callable[[], list[str | bytes]]:
    """Everything the dashboard's socket says, from now until the returned function is called."""
    cookies = "; ".join(f"{name}={value}" for name, value in person.session.cookies.items())
    address = serve.url.replace("http://", "ws://") + "/ws/dashboard"
    heard: list[str | bytes] = []
    end = threading.Event()

    def listen() -> None:
        with connect(address, additional_headers={"Cookie": cookies}, proxy=None, open_timeout=60) as socket:
            while not end.is_set():
                with suppress(TimeoutError):
                    heard.append(socket.recv(timeout=0.1))

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    wait_for(lambda: heard, name="the snapshot")

    def everything() -> list[str | bytes]:
        end.set()
        thread.join(60)
        return heard

    return everything


def table_away(serve: Serve, table: str) -> Callable[[], None]:
    """A fault that nobody foresaw: a table is missing. Returns what brings it back."""

    def rename(old: str, new: str) -> None:
        with closing(sqlite3.connect(serve.workspace / "data/dashboard.db", timeout=30)) as database, database:
            database.execute(f'ALTER TABLE "{old}" RENAME TO "{new}"')

    rename(table, f"{table}_away")
    return lambda: rename(f"{table}_away", table)


def test_no_secret_leaves_its_place(tmp_path: Path, hub: FakeHub) -> None:
    hub.token(TOKEN, accepted={"org/gated"})
    hub.token(FALLBACK)
    document = hub.add_document("presets.yaml", catalogue(hub, "2").encode(), content_type="text/yaml")
    hub.fault("redirected.safetensors", origin="hub", redirect=f"{hub.cdn_url}/elsewhere.safetensors")
    presets = tmp_path / "config/presets.yaml"
    presets.parent.mkdir()
    presets.write_text(catalogue(hub, "1"))
    hunt = Hunt(token=TOKEN, fallback=FALLBACK, unknown=UNKNOWN, password=PASSWORD, address=IN_A_URL)
    environment = {
        "COMFYDASH_ALLOW_PRIVATE_HOSTS": "on",
        "COMFYDASH_PRESETS_URL": document.url,
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": FALLBACK,
    }
    with serving(tmp_path, **environment) as serve:
        serve.wait_until_healthy()
        person = Person(serve, hunt)
        log_in_and_set_a_password(serve, person)
        stop_listening = listening(serve, person)
        install_everything(person, hub, tmp_path, lambda: look_at_processes(hunt, serve))
        look_at_every_page_and_answer(person, serve)
        heard = stop_listening()
        assert serve.stop() == 0
        hunt.look_at("what serve printed", serve.output)

    hunt.look_at("the socket", b"\n".join(m if isinstance(m, bytes) else m.encode() for m in heard))
    look_at_what_is_left(hunt, tmp_path, presets)
    for line in hub.log:
        hunt.look_at(f"{line.origin}'s log: {line.path}", line.path)
        if line.origin != "hub":
            hunt.look_at(f"{line.origin}'s log: {line.path}", line.authorization)
    assert {line.authorization for line in hub.asked(origin="cdn")} == {""}
    assert any(TOKEN in line.authorization for line in hub.asked("gated", "hub")), "the story never used the token"
    assert len(heard) > 20
    assert hunt.places > 500
    assert hunt.found == []


def log_in_and_set_a_password(serve: Serve, person: Person) -> None:
    link = serve.wait_for_line("/login/link/").strip()
    person.get(link)
    assert person.post(link).ok
    person.get("/settings/")
    assert person.post("/settings/password/", data={"new": PASSWORD, "again": PASSWORD}).ok
    person.get("/settings/")
    assert person.post("/logout/").ok
    person.get("/login/")
    assert "not the password" in person.post("/login/", data={"password": PASSWORD + "x"}).text
    assert person.post("/login/", data={"password": PASSWORD}).ok
    assert person.get("/settings/").url.endswith("/settings/")
    key = person.post("/api/settings/api-key").json()["key"]
    person.hunt.learn("API key", key)
    assert person.get("/api/settings/api-key", headers={"Authorization": f"Bearer {key}"}).json()["set"]


def install_everything(person: Person, hub: FakeHub, workspace: Path, look_around: Callable[[], None]) -> None:
    def validate(body: dict[str, str]) -> bool:
        return bool(person.post("/api/settings/hf-token/validate", json=body).json()["valid"])

    assert [validate({}), validate({"token": UNKNOWN}), validate({"token": TOKEN})] == [True, False, True]
    assert person.post("/api/settings/hf-token", json={"token": UNKNOWN}).ok
    person.install("GATED")
    person.ends("GATED", "waiting token_invalid")
    person.install("PUBLIC")  # a token that is wrong must not keep from what is free
    person.ends("PUBLIC", "completed")

    gate = hub.gate("gated.safetensors", at_byte=SIZE // 2)
    assert person.post("/api/settings/hf-token", json={"token": TOKEN}).ok
    person.post("/api/presets/GATED/resume")  # it starts by itself; a person may be impatient
    assert gate.reached.wait(60)
    look_around()
    gate.open()
    person.ends("GATED", "completed")
    outcomes = {
        "REFUSED": "waiting licence_required",
        "MISSING": "failed not_found",
        "ELSEWHERE": "completed",
        "REDIRECTED": "completed",
    }
    for preset_id in outcomes:
        person.install(preset_id)
    person.post("/api/presets/CREDENTIALS/install")
    for preset_id, outcome in outcomes.items():
        person.ends(preset_id, outcome)

    for bad in (TOKEN + "\n" + TOKEN, TOKEN[3:], [TOKEN], {"a": TOKEN}):  # a slip of the hand must not be repeated
        assert person.post("/api/settings/hf-token", json={"token": bad}).status_code == 400
    assert person.post("/api/settings", "PATCH", json={"key": "hf_token", "value": TOKEN}).status_code == 400
    assert person.post("/api/presets/refresh").json()["status"] == "success"


def look_at_every_page_and_answer(person: Person, serve: Serve) -> None:
    assert person.walk("/") > 30
    document = person.get("/api/openapi.json").json()
    for path, verbs in document["paths"].items():
        if "get" in verbs and "template" not in path:
            address = re.sub(r"\{[^}]*preset_id[^}]*\}", "GATED", path)
            person.get(re.sub(r"\{[^}]*\}", "1", address))
    for path in (
        "/settings/?change=token",
        "/api/presets/CREDENTIALS",
        "/models/CREDENTIALS/",
        "/api/activity/export?format=csv",
        "/not/there",
    ):
        person.get(path)
    bring_back = table_away(serve, "activity")
    try:
        answers = [person.get("/activity/"), person.get("/api/activity/recent")]
        answers.append(person.post("/settings/hf-token/", data={"token": TOKEN}))
    finally:
        bring_back()
    assert [answer.status_code >= 500 for answer in answers] == [True, True, True]


def look_at_processes(hunt: Hunt, serve: Serve) -> None:
    for pid in (serve.process.pid, *serve.children().values()):
        hunt.look_at_process(pid, environment_has={"fallback"})


def look_at_what_is_left(hunt: Hunt, workspace: Path, presets: Path) -> None:
    database = workspace / "data/dashboard.db"
    hunt.look_at_database(database, allowed={"settings/hf_token": ("token",)})
    hunt.look_at_database(workspace / "data/queue.db", allowed={})
    # The catalogue is what somebody else wrote; the database's own files were read value by value.
    own = {presets, presets.with_name(presets.name + ".bak")} | set(database.parent.glob("dashboard.db*"))
    hunt.look_at_files(workspace, skip=own)
