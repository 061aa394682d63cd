"""A Hub, a PostgreSQL, web servers, and workers that can be killed, frozen and cut off; a Redis where one is asked for.

All on this machine, each worker behind a proxy; or, with a network, each on a host of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from tests.comfydash.serving import ROOT, running, wait_for
from tests.fakehub import FakeHub, File
from tests.fleet import ledger
from tests.fleet.places import HERE, Host, Network, Place
from tests.fleet.postgresql import PostgresServer
from tests.fleet.redis_server import RedisServer
from tests.fleet.web import Web
from tests.fleet.worker import SECONDS, Worker

KEY = "fleet-key-0123456789abcdef012345678"
BEARER = {"Authorization": f"Bearer {KEY}"}
LEASE_SECONDS = 6
HEAD = 'metadata: {version: "1.0"}\ncategories: {Fleet: {description: Pictures, type: image}}\npresets:\n'
PRESET = """  {id}:
    name: {id}
    category: Fleet
    type: image
    description: A file to be interrupted
    files: [{{path: checkpoints/{name}, url: "{url}"}}]
"""


class Fleet:
    """A story takes presets that no other one has used, with ``begin``. Of each three, the third one's host promises
    no SHA-256."""

    def __init__(
        self,
        folder: Path,
        installs: int,
        workers: int = 2,
        *,
        size: int = 6_000_000,
        webs: int = 1,
        with_redis: bool = False,
        network: Network | None = None,
    ) -> None:
        self.folder, self.workspace = folder, folder / "workspace"
        self.models = self.workspace / "models/checkpoints"
        for made in (self.models, self.workspace / "config"):
            made.mkdir(parents=True)
        self._network = network
        self._parts = contextlib.ExitStack()
        self.person = self._place()
        self.hub_place, postgres_place, redis_place = self._place(), self._place(), self._place()
        self.hub = self.hub_place.do(FakeHub(address=self.hub_place.address).start)
        self._parts.callback(self.hub.stop)
        self.postgres = self._parts.enter_context(PostgresServer(postgres_place))
        self.redis = self._parts.enter_context(RedisServer(redis_place)) if with_redis else None
        self.transfers, self.publishes = ledger.Transfers(self.hub), ledger.Publishes(self.models)
        self._unused = iter({f"P{number}": self._add_file(number, size) for number in range(installs)}.items())
        self.files: dict[str, File] = {}
        self.web_places = [self._place() for _ in range(webs)]
        self.webs: list[Web] = [self._start_web(f"web-{number}", place) for number, place in enumerate(self.web_places)]
        if webs:  # else there are no tables yet
            ledger.prepare(self.postgres.own_url)
        self.workers = [Worker(self, f"worker-{number}", self._place()) for number in range(workers)]
        self.transfers.addresses = {w.place.address: w.name for w in self.workers if isinstance(w.place, Host)}

    @property
    def network(self) -> Network:
        assert self._network
        return self._network

    def _place(self) -> Place:
        return self._network.host() if self._network else HERE

    def _add_file(self, number: int, size: int) -> File:
        if number % 3 == 2:
            file = self.hub.add_document(f"P{number}.safetensors", size=size, seed=number)
        else:
            file = self.hub.add_file("fleet/files", f"P{number}.safetensors", size=size, seed=number)
        catalogue = self.workspace / "config/presets.yaml"
        with catalogue.open("a") as presets:
            presets.write("" if presets.tell() else HEAD)
            presets.write(PRESET.format(id=f"P{number}", name=f"P{number}.safetensors", url=file.url))
        return file

    def _start_web(self, name: str, place: Place) -> Web:
        variables = self.environment(name, self.postgres.url)
        web = Web(place, ROOT, self.workspace, "--no-worker", "--host", place.address, **variables)
        self._parts.enter_context(running(web))
        assert web.url  # one after the other: the first one makes the tables
        return web

    def environment(self, name: str, database: str) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("COMFYDASH_", "DJANGO_"))}
        redis = {"REDIS_URL": self.redis.url} if self.redis else {}
        return (
            clean
            | redis
            | {
                "DATABASE_URL": f"{database}?application_name={name}",
                "COMFYDASH_WORKSPACE": str(self.workspace),
                "COMFYDASH_DATA_DIR": str(self.folder / "data" / name),
                "COMFYDASH_LOG_DIR": str(self.folder / "logs" / name),
                "COMFYDASH_SECRET_KEY": "fleet " * 12,
                "COMFYDASH_API_KEY": KEY,
                "COMFYDASH_ALLOW_PRIVATE_HOSTS": "on",
                "COMFYDASH_LEASE_SECONDS": str(LEASE_SECONDS),
                "HF_ENDPOINT": self.hub.url,
            }
        )

    def enter(self, part: contextlib.AbstractContextManager[Web]) -> Web:
        """It ends with the fleet."""
        return self._parts.enter_context(part)

    def begin_files(self, installs: int) -> list[str]:
        self.files = dict(itertools.islice(self._unused, installs))
        assert len(self.files) == installs, "more stories than presets were made for"
        return list(self.files)

    def begin(self, installs: int = 3) -> list[str]:
        """A story of its own: the names of its presets. Nobody works, nothing is queued, everything is well."""
        for worker in self.workers:
            worker.end()
            worker.log.write_bytes(b"")
        self.hub.heal()
        self.hub.total_speed = 0
        self.transfers.clear()
        ledger.do(self.postgres.own_url, "UPDATE download_history SET status = 'cancelled' WHERE status <> 'completed'")
        ledger.do(self.postgres.own_url, "UPDATE worker_lease SET holder = ''")
        ledger.do(self.postgres.own_url, "DELETE FROM worker")
        ledger.do(self.postgres.own_url, "DELETE FROM fleet_ledger")
        return self.begin_files(installs)

    def start(self, **variables: str) -> None:
        for worker in self.workers:
            worker.start(**variables)

    # --- what a person does ----------------------------------------------------------------------------------------

    def request(self, method: str, path: str, web: int = 0, **options: Any) -> requests.Response:
        address = f"{self.webs[web].url}{path}"
        return self.person.do(requests.request, method, address, headers=BEARER, timeout=60, **options)

    def ask(self, method: str, path: str, web: int = 0, **options: Any) -> dict[str, Any]:
        answer = self.request(method, f"/api{path}", web, **options)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def install(self, *names: str) -> None:
        for name in names:
            self.ask("POST", f"/presets/{name}/install")

    def row(self, name: str) -> dict[str, Any]:
        """The newest one of a preset."""
        columns = ("status", "reason", "claim", "fence", "bytes_done", "queued_at", "started_at", "completed_at")
        found = self.rows(
            f"SELECT {', '.join(columns)} FROM download_history WHERE preset_id = %s ORDER BY id DESC", name
        )
        return dict(zip(columns, found[0], strict=True)) if found else {"status": ""}

    def change_something(self) -> None:
        """That every open page is to hear of."""
        theme = "light" if self.ask("GET", "/settings")["theme"] == "dark" else "dark"
        self.ask("PATCH", "/settings", json={"key": "theme", "value": theme})

    def age_the_workers(self, seconds: int) -> None:
        """As if they had not been seen for so long."""
        ledger.do(self.postgres.own_url, f"UPDATE worker SET seen_at = seen_at - interval '{seconds} seconds'")

    def wait_for_status(self, name: str, *wanted: str) -> str:
        wait_for(lambda: self.row(name)["status"] in wanted, SECONDS, f"{name} is {' or '.join(wanted)}")
        return str(self.row(name)["status"])

    def wait_for_bytes(self, name: str) -> None:
        wait_for(lambda: self.row(name).get("bytes_done"), SECONDS, f"bytes of {name} arrive")

    def bring_all(self) -> None:
        """Until every install is completed; those that were interrupted are retried."""
        while left := self._left():
            self._wait_for_less(left)

    def _wait_for_less(self, left: list[str]) -> None:
        wait_for(lambda: len(self._left()) < len(left), SECONDS, f"one more of {left} completed")

    def _left(self) -> list[str]:
        states = {name: self.row(name) for name in self.files}
        for name, row in states.items():
            if row["status"] == "failed":
                assert row["reason"] == "interrupted", (name, row)
                self.ask("POST", f"/presets/{name}/retry")
        return [name for name, row in states.items() if row["status"] != "completed"]

    # --- what is so ------------------------------------------------------------------------------------------------

    def rows(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        return ledger.rows(self.postgres.own_url, question, *values)

    def rows_of(self, name: str) -> int:
        return int(self.rows("SELECT count(*) FROM download_history WHERE preset_id = %s", name)[0][0])

    def entries(self) -> list[ledger.Entry]:
        return ledger.entries(self.postgres.own_url)

    def takings(self) -> list[str]:
        return [entry.who for entry in self.entries() if entry.what == "taken"]

    def taken_at(self) -> float:
        """When the lease was taken last, in seconds since the epoch, by the database's clock."""
        return float(self.rows("SELECT extract(epoch FROM max(at)) FROM fleet_ledger WHERE what = 'taken'")[0][0])

    def holder(self) -> Worker | None:
        """The worker whose install is running."""
        if not self.rows("SELECT 1 FROM download_history WHERE status = 'downloading'"):
            return None
        last = (self.takings() or [""])[-1]
        return next((worker for worker in self.workers if worker.name == last), None)

    def wait_for_holder(self) -> Worker:
        found = wait_for(self.holder, SECONDS, "somebody installs")
        assert found
        return found

    def others(self, worker: Worker) -> list[Worker]:
        return [other for other in self.workers if other is not worker]

    def part(self, name: str) -> list[str]:
        return sorted(file.name for file in self.models.glob(f"{name}.*part"))

    def faults(self) -> list[str]:
        """What breaks a promise, once everything is completed."""
        found = ledger.foreign_writes(self.entries(), {worker.name for worker in self.workers})
        found += self.transfers.at_once()
        for name, file in self.files.items():
            stands = self.models / f"{name}.safetensors"
            if not stands.is_file() or hashlib.sha256(stands.read_bytes()).hexdigest() != file.sha256:
                found.append(f"{stands.name} has other bytes than its host")
            completed = self.rows(
                "SELECT count(*) FROM download_history WHERE preset_id = %s AND status = 'completed'", name
            )[0][0]
            if completed != 1 or self.publishes.count[stands.name] != 1:
                found.append(
                    f"{name} was completed {completed} and published {self.publishes.count[stands.name]} times"
                )
        left = {file.name: file.name.partition(".safetensors")[0] for file in self.models.iterdir()}
        found += [
            f"{file} is left over"
            for file, name in left.items()
            if name in self.files and file != f"{name}.safetensors"
        ]
        return found

    def logs(self) -> str:
        started = [worker for worker in self.workers if worker.log.exists()]
        return "\n".join(f"--- {worker.name}\n{worker.log.read_text()[-6000:]}" for worker in started)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.transfers.stop()
        self.publishes.stop()
        for worker in self.workers:
            worker.end()
            worker.proxy.__exit__(None, None, None)
        self._parts.close()
