"""Running one client once, and what this machine can do at best."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from bench.transfer.clients import HERE, NAME, ROOT, Client

REPOSITORY = "bench/models"
WRONG = -1
GIVE_UP = 45.0  # seconds: none of the cases takes a client so long that gets on at all


class WrongBytes(Exception):
    """A client said it was done and was not."""


@dataclass(frozen=True)
class Run:
    """Seconds, CPU seconds and the peak of memory (bytes) of one client's run."""

    seconds: float  # until the file is there
    verified: float  # … and its SHA-256 is known to be right
    cpu: float
    memory: int
    hashing: float  # of verified: OpenSSL, for those that do not look themselves


@dataclass(frozen=True)
class Server:
    """A fake Hub in a process of its own."""

    url: str
    file: str
    size: int
    sha256: str

    def order(self, **order: Any) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            return session.post(self.url + "/__control__", json=order, timeout=60).json()

    def sent(self) -> int:
        return sum(line["sent"] for line in self.order(do="log")["log"] if line["origin"] == "cdn")


@contextmanager
def serving(size: int, *flags: str) -> Iterator[Server]:
    command = [sys.executable, "-m", "tests.fakehub", "--control", *flags]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            url = json.loads(process.stdout.readline())["url"]
            server = Server(url, f"{url}/{REPOSITORY}/resolve/main/{NAME}", size, "")
            made = server.order(do="file", repo=REPOSITORY, path=NAME, size=size)
            yield Server(url, server.file, size, made["sha256"])
        finally:
            process.terminate()


@contextmanager
def folder(where: Path) -> Iterator[Path]:
    """An empty folder on the disk that is measured; what earlier runs left dirty is written out first."""
    os.sync()
    place = Path(tempfile.mkdtemp(prefix="comfydash-bench-", dir=where))
    try:
        yield place
    finally:
        shutil.rmtree(place)


def run(
    client: Client, server: Server, place: Path, limit: float = GIVE_UP, hashing: float | None = None
) -> Run | None:
    """None when it does not end within `limit` seconds. Raises WrongBytes when the file that arrived is wrong.

    hashing: what OpenSSL took for an earlier run, which is counted again; the file is checked in any case.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        client.filled_in(server.url, server.file, place), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    with process.stdout:
        usage = _wait(process, started + limit)
        said = process.stdout.read()
    if usage is None or process.returncode:
        return None
    seconds = float(said.split()[-1]) if client.timed else time.monotonic() - started
    if client.verifies or hashing is not None:
        _check(place / NAME, server)
        hashing = 0.0 if client.verifies else hashing or 0.0
    else:
        hashing = _openssl_sha256(place / NAME, server)
    cpu = usage.ru_utime + usage.ru_stime + hashing
    return Run(seconds, seconds + hashing, cpu, usage.ru_maxrss * 1024, hashing)


def _wait(process: subprocess.Popen[str], end: float) -> Any:
    """The resource usage of a process once it is over; None when it was killed at `end`."""
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage
        if time.monotonic() > end:
            process.kill()
            process.wait()
            return None
        time.sleep(0.005)


def _check(file: Path, server: Server) -> None:
    """Not counted."""
    if not file.exists():
        raise WrongBytes(f"{file} never arrived")
    with file.open("rb") as source:
        if hashlib.file_digest(source, "sha256").hexdigest() != server.sha256:
            raise WrongBytes(f"{file} arrived with wrong bytes")


def _openssl_sha256(file: Path, server: Server) -> float:
    """Seconds that OpenSSL takes for SHA-256; also the check that the right bytes arrived."""
    started = time.monotonic()
    command = ["openssl", "dgst", "-r", "-sha256", str(file)]
    said = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    seconds = time.monotonic() - started
    if not said.startswith(server.sha256):
        raise WrongBytes(f"{file} arrived with wrong bytes")
    return seconds


def fetched_again(client: Client, server: Server, place: Path) -> int | None:
    """Bytes that a client killed (SIGKILL) at half fetches a second time; None when it does not end, WRONG when it
    ends with a file that is not the one on the server."""
    before = server.sent()
    server.order(do="gate", path=NAME, at_byte=server.size // 2)
    process = subprocess.Popen(
        client.filled_in(server.url, server.file, place), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + GIVE_UP
    while process.poll() is None and not server.order(do="reached")["reached"] and time.monotonic() < end:
        time.sleep(0.005)
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    process.wait()
    server.order(do="heal")
    try:
        ended = run(client, server, place, GIVE_UP)
    except WrongBytes:
        return WRONG
    return server.sent() - before - server.size if ended else None


# --- the limits of the machine ---------------------------------------------------------------------------------------


def best_of(measure: Callable[[], float], times: int = 3) -> float:
    """A limit is what the machine can do when nothing disturbs it."""
    return min(measure() for _ in range(times))


def hashing_seconds(size: int) -> float:
    block, digest = os.urandom(1 << 20), hashlib.sha256()
    started = time.monotonic()
    for _ in range(size >> 20):
        digest.update(block)
    return time.monotonic() - started


def writing_seconds(size: int, where: Path) -> float:
    """Until the bytes are on the platter."""
    block = os.urandom(1 << 20)
    with folder(where) as place, (place / "x").open("wb", buffering=0) as file:
        started = time.monotonic()
        for _ in range(size >> 20):
            file.write(block)
        os.fdatasync(file.fileno())
        return time.monotonic() - started


def loopback_seconds(server: Server) -> float:
    started = time.monotonic()
    subprocess.run(["curl", "-sL", "-o", "/dev/null", server.file], check=True)
    return time.monotonic() - started


def profile(server: Server, place: Path, connections: str) -> list[str]:
    """What `ours.py` says of one transfer."""
    command = [sys.executable, str(HERE / "ours.py"), server.url, server.file, str(place), connections, "profile"]
    said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=2 * GIVE_UP)
    return said.stdout.splitlines()
