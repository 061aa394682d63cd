"""A dashboard on SQLite, and one of two webs and two workers on PostgreSQL and Redis, with the same rows."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import requests
import yaml

from bench.dashboard import log_in
from bench.machine import ROOT, Dashboard, dashboard
from bench.postgresql.rows import PRESETS, TIDY_UP
from bench.transfer.measure import Server
from tests.fleet.postgresql import PostgresServer
from tests.fleet.redis_server import RedisServer

PASSWORD = "bench-password-1"
SECRET = "bench " * 12


@dataclass(frozen=True)
class Size:
    queued: int
    history: int
    activities: int


@dataclass
class Stack:
    name: str
    size: Size
    folder: Path
    webs: list[Dashboard]
    worker_environments: list[dict[str, str]]

    def __post_init__(self) -> None:
        self.script = self.webs[0].session()
        self.browser = log_in(self.webs[0])
        self.connection: Any = self._connected()

    def _connected(self) -> Any:
        environment = self.webs[0].environment
        if url := environment.get("DATABASE_URL"):
            return psycopg.connect(url, autocommit=True, application_name="bench")
        file = Path(environment["COMFYDASH_DATA_DIR"]) / "dashboard.db"
        return sqlite3.connect(file, timeout=60, isolation_level=None, check_same_thread=False)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        cursor = self.connection.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []

    def run(self, *arguments: str) -> str:
        """Output of a program with the environment of a web."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.webs[0].environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    def fill(self) -> None:
        self.run("-m", "bench.postgresql.rows", *map(str, (self.size.queued, self.size.history, self.size.activities)))
        # What PostgreSQL does by itself within a minute.
        self.rows("VACUUM ANALYZE" if "DATABASE_URL" in self.webs[0].environment else "ANALYZE")

    def tidy_up(self) -> None:
        """The rows as they were filled in."""
        last = self.size.history + self.size.queued
        for statement in TIDY_UP:
            self.rows(statement.format(last=last, history=self.size.history))

    def counted(self) -> dict[str, Any]:
        """Statements and rows looked at, by name of a page or verb."""
        answer: dict[str, Any] = json.loads(self.run("-m", "bench.postgresql.counts", str(self.middle)))
        self.tidy_up()
        return answer

    @property
    def middle(self) -> int:
        """Id of an install in the middle of the queue."""
        return self.size.history + self.size.queued // 2

    def get(self, path: str) -> requests.Response:
        who = self.script if path.startswith("/api/") else self.browser
        return who.get(self.webs[0].url + path, timeout=60)

    def post(self, path: str, fields: Sequence[tuple[str, str]] = ()) -> requests.Response:
        """``fields`` of a form; without them it is a call."""
        url = self.webs[0].url
        if not fields:
            return self.script.post(url + path, timeout=60)
        token = ("csrfmiddlewaretoken", self.browser.cookies["comfydash_csrf"])
        headers = {"Referer": f"{url}/settings/"}
        return self.browser.post(url + path, data=[token, *fields], headers=headers, timeout=60, allow_redirects=False)

    @contextmanager
    def workers(self) -> Iterator[None]:
        """As many as it has, each a ``serve --no-web``."""
        started = [
            subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--no-web"],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for environment in self.worker_environments
        ]
        try:
            yield
        finally:
            for process in started:
                process.send_signal(signal.SIGTERM)
            for process in started:
                process.wait(30)


@contextmanager
def both(size: Size, hub: Server) -> Iterator[list[Stack]]:
    """SQLite's first. Everything lies in temporary folders."""
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="comfydash-bench-")))
        postgres, redis = parts.enter_context(PostgresServer()), parts.enter_context(RedisServer())
        servers = {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}
        yield [
            _stack(parts, "SQLite", size, folder / "sqlite", hub, 1, {}),
            _stack(parts, "PostgreSQL", size, folder / "postgresql", hub, 2, servers),
        ]


def _stack(
    parts: ExitStack, name: str, size: Size, folder: Path, hub: Server, number: int, servers: dict[str, str]
) -> Stack:
    """``number`` webs and workers, with a data folder each where there is more than one."""
    (folder / "config").mkdir(parents=True)
    (folder / "config/presets.yaml").write_text(_catalogue(hub.url))
    common = partial(_environment, folder, hub.url, servers)
    data = [[f"{kind}-{n}" if servers else "data" for n in range(number)] for kind in ("web", "worker")]
    webs = [parts.enter_context(dashboard("--no-worker", **common(name))) for name in data[0]]
    return Stack(name, size, folder, webs, [webs[0].environment | common(name) for name in data[1]])


def _environment(folder: Path, hub: str, servers: dict[str, str], data: str) -> dict[str, str]:
    return servers | {
        "COMFYDASH_WORKSPACE": str(folder),
        "COMFYDASH_DATA_DIR": str(folder / data),
        "COMFYDASH_LOG_DIR": str(folder / f"{data}-logs"),
        "COMFYDASH_SECRET_KEY": SECRET,
        "COMFYDASH_PASSWORD": PASSWORD,
        "HF_ENDPOINT": hub,
    }


def _catalogue(hub: str) -> str:
    presets = {
        f"P{number}": {
            "name": f"Preset {number}",
            "category": "All",
            "type": "image",
            "files": [
                {
                    "path": f"checkpoints/preset-{number}.safetensors",
                    "url": f"{hub}/bench/models/resolve/main/preset-{number}.safetensors",
                    "size": "1GB",
                }
            ],
        }
        for number in range(PRESETS)
    }
    document = {"metadata": {"version": "1"}, "categories": {"All": {"type": "image"}}, "presets": presets}
    return yaml.safe_dump(document)
