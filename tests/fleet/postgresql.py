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
from typing import Any, Self

import psycopg

from tests.comfydash.serving import wait_for


def programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


class PostgresServer:
    """Durable (no -F): it is stopped in the middle of things."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="comfydash-postgres-"))
        self._as_user: dict[str, Any] = {}
        if os.getuid() == 0:  # the server refuses to run as root
            account = pwd.getpwnam("postgres")
            os.chown(self._folder, account.pw_uid, account.pw_gid)
            self._as_user = {"user": account.pw_uid, "group": account.pw_gid}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._run("initdb", "-U", "postgres", "-A", "trust", "--no-sync")
        self.start()

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def _command(self, name: str, *arguments: str) -> list[str]:
        folder = programs()
        assert folder
        return [str(folder / name), "-D", str(self._folder / "data"), *arguments]

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(
            self._command(name, *arguments), check=True, capture_output=True, cwd=self._folder, **self._as_user
        )

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command("postgres", "-p", str(self.port), "-k", str(self._folder), "-h", "127.0.0.1"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            **self._as_user,
        )
        wait_for(self._answers, name="PostgreSQL answers")

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
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
