"""A dashboard started like a person starts it: ``manage.py serve`` with a workspace of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from volumes.runtime_folder import RuntimeFolder

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 90.0  # generous: the machine may be busy with other tests
T = TypeVar("T")
Server = TypeVar("Server", bound="Serve")


def wait_for(what: Callable[[], T], seconds: float = START_SECONDS, name: str = "") -> T:
    """The first truthy answer; asks often, gives up after seconds."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := what():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {name or what}")
        time.sleep(0.02)


class Serve:
    def __init__(self, workspace: Path, *arguments: str, **environment: str) -> None:
        self.workspace = workspace
        self.lines: list[str] = []
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("COMFYDASH_", "DJANGO_"))}
        self.process = subprocess.Popen(
            self.command("serve", "--port", "0", *arguments),
            env=clean | {"COMFYDASH_WORKSPACE": str(workspace)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(ROOT / "manage.py"), *arguments]

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait_for_line(self, text: str, times: int = 1, seconds: float = START_SECONDS) -> str:
        def found() -> str:
            matching = [line for line in list(self.lines) if text in line]
            if len(matching) < times and self.process.poll() is not None:
                raise AssertionError(f"ended without saying {text!r}:\n{self.output}")
            return matching[times - 1] if len(matching) >= times else ""

        try:
            return wait_for(found, seconds, text)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output}") from None

    @property
    def url(self) -> str:
        return self.wait_for_line("ComfyDash is ready: ").split("ready: ")[1].strip()

    def child(self, name: str) -> int:
        """Process id of a running part."""
        return wait_for(lambda: self.children().get(name, 0), name=name)

    def children(self) -> dict[str, int]:
        return {name: pid for name, pid, parent in parts() if parent == self.process.pid}

    def health(self) -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def wait_until_healthy(self) -> dict[str, Any]:
        wait_for(lambda: self.health()[0] == 200, name="healthy")
        return self.health()[1]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self, seconds: float = START_SECONDS) -> int:
        status = self.process.wait(timeout=seconds)
        self._reader.join(timeout=5)
        return status

    def manage(self, *arguments: str) -> str:
        """Output of another command on the same workspace."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("COMFYDASH_", "DJANGO_"))}
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=clean | {"COMFYDASH_WORKSPACE": str(self.workspace)},
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        assert done.returncode == 0, f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout


@contextmanager
def serving(workspace: Path, *arguments: str, **environment: str) -> Iterator[Serve]:
    with running(Serve(workspace, *arguments, **environment)) as serve:
        yield serve


@contextmanager
def running(serve: Server) -> Iterator[Server]:
    """Whatever happens, nothing of it runs afterwards."""
    try:
        yield serve
    finally:
        leftovers = list(serve.children().values())
        if serve.process.poll() is None:
            serve.process.kill()
        serve.wait()
        for pid in leftovers:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        assert serve.process.stdout
        serve.process.stdout.close()
        shutil.rmtree(RuntimeFolder(serve.workspace / "data").path, ignore_errors=True)


def parts() -> Iterator[tuple[str, int, int]]:
    """Name, process id and parent of every part of a dashboard on this machine."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        for word in words:
            if word.startswith("comfydash.serve.") and state != "Z":
                yield word.removeprefix("comfydash.serve."), int(entry.name), int(parent)


def is_alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def errors_in_activity(serve: Serve) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(serve.workspace / "data" / "dashboard.db")) as database:
        return database.execute("SELECT title, subtitle FROM activity WHERE type = 'error' ORDER BY id").fetchall()
