"""A Hub, a PostgreSQL, a web server, and workers that can be killed, frozen and cut off."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from tests.comfydash.serving import ROOT, Serve, serving, wait_for
from tests.fakehub import FakeHub, File
from tests.fleet import ledger
from tests.fleet.postgresql import PostgresServer
from tests.scale.tcp_proxy import TcpProxy

KEY = "fleet-key-0123456789abcdef012345678"
LEASE_SECONDS = 10
SECONDS = 180.0  # generous: the machine may be busy
WAKES_SECONDS = 3.0  # in which one that was frozen reads what its socket held, and finds out
HEAD = 'metadata: {version: "1.0"}\ncategories: {Fleet: {description: Pictures, type: image}}\npresets:\n'
PRESET = """  {id}:
    name: {id}
    category: Fleet
    type: image
    description: A file to be interrupted
    files: [{{path: checkpoints/{name}, url: "{url}"}}]
"""


class Worker:
    """``manage.py run_huey`` as if on a machine of its own: own data directory, own way to the database."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        self.fleet, self.name = fleet, name
        self.proxy = TcpProxy(fleet.postgres.port)
        self.frozen_at = 0.0
        self.process: subprocess.Popen[bytes] | None = None
        self.log = fleet.folder / f"{name}.log"
        self.stage = fleet.folder / f"{name}.stage"  # see tests/crash/breakpoints
        self.stage.mkdir()

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def start(self) -> None:
        url = f"postgres://postgres@127.0.0.1:{self.proxy.port}/postgres?application_name={self.name}"
        environment = self.fleet.environment(self.name, url) | {
            "PYTHONPATH": str(ROOT / "tests/crash/breakpoints"),
            "CRASH_STAGE": str(self.stage),
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "run_huey"], env=environment, stdout=log, stderr=log
            )
        self.fleet.transfers.pids[self.pid] = self.name

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """The exit status."""
        assert self.process
        self.process.terminate()
        return self.process.wait(SECONDS)

    def freeze(self) -> None:
        self.frozen_at = time.monotonic()
        os.kill(self.pid, signal.SIGSTOP)

    def wake(self) -> None:
        """What its sockets took while it was frozen is no transfer."""
        self.fleet.transfers.excused.append((self.name, self.frozen_at, time.monotonic() + WAKES_SECONDS))
        os.kill(self.pid, signal.SIGCONT)

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            self.kill()
        self.proxy.__exit__(None, None, None)


class Fleet:
    def __init__(
        self,
        folder: Path,
        installs: int,
        workers: int = 2,
        *,
        size: int = 6_000_000,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """``installs`` presets of one file each; every third one is of a host that promises no SHA-256."""
        self.lease_seconds = lease_seconds
        self.folder, self.workspace = folder, folder / "workspace"
        self.models = self.workspace / "models/checkpoints"
        for made in (self.models, self.workspace / "config"):
            made.mkdir(parents=True)
        self._parts = contextlib.ExitStack()
        self.hub = self._parts.enter_context(FakeHub())
        self.postgres = self._parts.enter_context(PostgresServer())
        self.transfers, self.publishes = ledger.Transfers(self.hub), ledger.Publishes(self.models)
        self.files = {f"P{number}": self._add_file(number, size) for number in range(installs)}
        described = [PRESET.format(id=name, name=f"{name}.safetensors", url=f.url) for name, f in self.files.items()]
        (self.workspace / "config/presets.yaml").write_text(HEAD + "".join(described))
        web = serving(
            self.workspace, "--no-worker", **self.environment("web", f"{self.postgres.url}?application_name=web")
        )
        self.web: Serve = self._parts.enter_context(web)
        self.address = self.web.url
        ledger.prepare(self.postgres.url)
        self.workers = [Worker(self, f"worker-{number}") for number in range(workers)]

    def _add_file(self, number: int, size: int) -> File:
        if number % 3 == 2:
            return self.hub.add_document(f"P{number}.safetensors", size=size, seed=number)
        return self.hub.add_file("org/fleet", f"P{number}.safetensors", size=size, seed=number)

    def environment(self, name: str, database: str) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("COMFYDASH_", "DJANGO_"))}
        return clean | {
            "DATABASE_URL": database,
            "COMFYDASH_WORKSPACE": str(self.workspace),
            "COMFYDASH_DATA_DIR": str(self.folder / "data" / name),
            "COMFYDASH_LOG_DIR": str(self.folder / "logs" / name),
            "COMFYDASH_SECRET_KEY": "fleet " * 12,
            "COMFYDASH_API_KEY": KEY,
            "COMFYDASH_ALLOW_PRIVATE_HOSTS": "on",
            "COMFYDASH_LEASE_SECONDS": str(self.lease_seconds),
            "HF_ENDPOINT": self.hub.url,
        }

    # --- what a person does ----------------------------------------------------------------------------------------

    def ask(self, method: str, path: str) -> dict[str, Any]:
        answer = requests.request(
            method, f"{self.address}/api{path}", headers={"Authorization": f"Bearer {KEY}"}, timeout=60
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def install(self, *names: str) -> None:
        for name in names:
            self.ask("POST", f"/presets/{name}/install")

    def row(self, name: str) -> dict[str, Any]:
        """The newest one of a preset: status and reason."""
        found = self.rows(
            "SELECT status, reason, claim, fence FROM download_history WHERE preset_id = %s ORDER BY id DESC", name
        )
        return dict(zip(("status", "reason", "claim", "fence"), found[0], strict=True)) if found else {"status": ""}

    def bytes_done(self, name: str) -> int:
        return int(self.rows("SELECT max(bytes_done) FROM download_history WHERE preset_id = %s", name)[0][0] or 0)

    def bring_all(self) -> None:
        """Until every install is completed; those that were interrupted are retried."""

        def done() -> bool:
            states = {name: self.row(name) for name in self.files}
            for name, row in states.items():
                if row["status"] == "failed":
                    assert row["reason"] == "interrupted", (name, row)
                    self.ask("POST", f"/presets/{name}/retry")
            return all(row["status"] == "completed" for row in states.values())

        wait_for(done, SECONDS, "every install completed")

    # --- what is so ------------------------------------------------------------------------------------------------

    def rows(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        return ledger.rows(self.postgres.url, question, *values)

    def entries(self) -> list[ledger.Entry]:
        return ledger.entries(self.postgres.url)

    def takings(self) -> list[str]:
        return [entry.who for entry in self.entries() if entry.what == "taken"]

    def holder(self) -> Worker | None:
        """The worker whose install is running."""
        if not self.rows("SELECT 1 FROM download_history WHERE status = 'downloading'"):
            return None
        last = (self.takings() or [""])[-1]
        return next((worker for worker in self.workers if worker.name == last), None)

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
        found += [f"{file.name} is left over" for file in self.models.iterdir() if file.suffix != ".safetensors"]
        return found

    def logs(self) -> str:
        started = [worker for worker in self.workers if worker.log.exists()]
        return "\n".join(f"--- {worker.name}\n{worker.log.read_text()[-6000:]}" for worker in started)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        print(self.logs())  # shown when a test fails
        self.transfers.stop()
        self.publishes.stop()
        for worker in self.workers:
            worker.end()
        self._parts.close()
