"""A private PostgreSQL from Debian's packages, which can be restarted."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from tests.comfydash.serving import wait_for
from tests.fleet.places import HERE, Place

OF_ANY_HOST = "host all all 10.15.0.0/24 trust\n"


def programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


class PostgresServer:
    """Durable, unless nobody stops it in the middle of things."""

    def __init__(self, place: Place = HERE, *, durable: bool = True) -> None:
        self.place = place
        self._options = [] if durable else ["-F"]
        self._folder = Path(tempfile.mkdtemp(prefix="comfydash-postgres-"))
        self._as_user: list[str] = []
        if os.getuid() == 0:  # the server refuses to run as root
            account = pwd.getpwnam("postgres")
            os.chown(self._folder, account.pw_uid, account.pw_gid)
            self._as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        self.port = place.do(free_port, place.address)
        initdb = self._command("initdb", "-U", "postgres", "-A", "trust", "--no-sync")
        subprocess.run(initdb, check=True, capture_output=True, cwd=self._folder)
        with (self._folder / "data/pg_hba.conf").open("a") as rules:
            rules.write(OF_ANY_HOST)
        self.start()

    @property
    def url(self) -> str:
        """For the processes of the fleet."""
        return f"postgres://postgres@{self.place.address}:{self.port}/postgres"

    @property
    def own_url(self) -> str:
        """For who looks on, from wherever: over a file, whatever happens to the network."""
        return f"postgres://postgres@/postgres?host={self._folder}&port={self.port}"

    def _command(self, name: str, *arguments: str) -> list[str]:
        folder = programs()
        assert folder
        return self.place.command(*self._as_user, str(folder / name), "-D", str(self._folder / "data"), *arguments)

    def start(self) -> None:
        listens = ["-p", str(self.port), "-k", str(self._folder), "-h", self.place.address]
        self.process = subprocess.Popen(
            self._command("postgres", *listens, *self._options),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
        )
        wait_for(self._answers, name="PostgreSQL answers")

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.own_url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def restart(self) -> None:
        """As an administrator does: open sessions are ended."""
        self.process.send_signal(signal.SIGINT)  # "fast"
        self.process.wait(60)
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(60)
        shutil.rmtree(self._folder, ignore_errors=True)


def free_port(address: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
