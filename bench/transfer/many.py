"""Many small files: the whole product, started → completed, beside those that others fetch eight at a time."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.machine import Dashboard, dashboard
from bench.transfer import measure
from bench.transfer.clients import HERE, has_module
from bench.transfer.measure import REPOSITORY, Server

LATENCY = "0.04"  # seconds before each answer
AT_ONCE = 8
GIVE_UP = 300.0  # seconds
ENQUEUE = """
import json, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "comfydash.settings"
import django; django.setup()
from downloads.queue import enqueue
from extension_points import WantedFile
wanted = [WantedFile(f"loras/{name}", url) for name, url in json.load(open(sys.argv[1])).items()]
print(enqueue("bench:many", "Many small files", wanted)[0].pk)
"""


@dataclass(frozen=True)
class Case:
    name: str
    count: int
    size: int  # bytes


CASES = {
    "many": Case("200 files of 1 MB, each answer 40 ms late", 200, 1_000_000),
    "tiny": Case("1,000 files of 100 KB, each answer 40 ms late", 1000, 100_000),
}


@dataclass(frozen=True)
class Run:
    """Seconds until all files are there, those of SHA-256 where the client checks nothing, and requests that it sent;
    processor seconds of our worker, NaN for others."""

    seconds: float
    hashing: float
    requests: int
    processor: float = float("nan")


@dataclass(frozen=True)
class Files:
    """What the server has: SHA-256 by name."""

    server: Server
    known: dict[str, str]

    def url(self, name: str) -> str:
        return f"{self.server.url}/{REPOSITORY}/resolve/main/{name}"

    def check(self, folder: Path) -> float:
        """Seconds that OpenSSL's SHA-256 of all of them takes. Raises WrongBytes."""
        begun = time.monotonic()
        for name, sha256 in self.known.items():
            with (folder / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    raise measure.WrongBytes(f"{name} arrived with wrong bytes")
        return time.monotonic() - begun


def run_case(case: Case, rounds: int, folder: Path, bench_python: str) -> dict[str, float]:
    """Verified seconds by client, medians; each round runs all of them in turn."""
    clients = _clients(bench_python)
    runs: dict[str, list[Run]] = {name: [] for name in clients}
    with _serving(case) as files:
        for _ in range(rounds):
            for name, client in clients.items():
                with measure.folder(folder) as place:
                    asked = len(files.server.order(do="log")["log"])
                    seconds, processor, where = client(files, place)
                    requests = len(files.server.order(do="log")["log"]) - asked
                    hashing = files.check(where)
                runs[name].append(Run(seconds, 0.0 if name == "ours" else hashing, requests, processor))
    print(f"{case.name:48}{'runs':>5}{'there':>8}{'verified':>10}{'requests':>10}{'worker CPU s':>14}")
    found = {}
    for name, done in runs.items():
        there = statistics.median(run.seconds for run in done)
        found[name] = statistics.median(run.seconds + run.hashing for run in done)
        processor = statistics.median(run.processor for run in done)
        print(f"  {name:46}{len(done):5}{there:8.2f}{found[name]:10.2f}{done[-1].requests:10}{processor:14.2f}")
    print(flush=True)
    return found


@contextmanager
def _serving(case: Case) -> Iterator[Files]:
    with measure.serving(10_000, "--latency", LATENCY) as server:
        known = {}
        for number in range(case.count):
            name = f"{number}.safetensors"
            # Sizes that differ make contents that differ: none is a copy of another.
            made = server.order(do="file", repo=REPOSITORY, path=name, size=case.size + number)
            known[name] = made["sha256"]
        yield Files(server, known)


Client = Callable[[Files, Path], tuple[float, float, Path]]


def _clients(bench_python: str) -> dict[str, Client]:
    """Each brings the files below a folder: seconds, processor seconds, and where they are."""
    found: dict[str, Client] = {"ours": _ours}
    if shutil.which("aria2c"):
        found[f"aria2c -j{AT_ONCE}"] = _aria2c
    else:
        print("aria2c: left out, it is not installed")
    if has_module(bench_python, "huggingface_hub"):
        found[f"huggingface_hub, {AT_ONCE} workers"] = lambda files, place: _hub_client(bench_python, files, place)
    return found


def _aria2c(files: Files, place: Path) -> tuple[float, float, Path]:
    wanted = place / "wanted"
    wanted.write_text("".join(f"{files.url(name)}\n  out={name}\n" for name in files.known))
    begun = time.monotonic()
    command = ["aria2c", "-q", f"-j{AT_ONCE}", "-x1", "--file-allocation=none", "-d", str(place), "-i", str(wanted)]
    subprocess.run(command, check=True, timeout=GIVE_UP)
    return time.monotonic() - begun, float("nan"), place


def _hub_client(python: str, files: Files, place: Path) -> tuple[float, float, Path]:
    names = json.dumps(list(files.known))
    command = [python, str(HERE / "hub_client_many.py"), files.server.url, REPOSITORY, str(place), str(AT_ONCE)]
    said = subprocess.run(command, input=names, check=True, capture_output=True, text=True, timeout=GIVE_UP)
    return float(said.stdout.split()[-1]), float("nan"), place


def _ours(files: Files, place: Path) -> tuple[float, float, Path]:
    wanted, models = place / "wanted.json", place / "models"
    wanted.write_text(json.dumps({name: files.url(name) for name in files.known}))
    with dashboard(COMFYDASH_MODELS_DIR=str(models), HF_ENDPOINT=files.server.url) as dash:
        worker = _worker_of(dash)
        before = _processor_seconds(worker)
        row = int(dash.manage(str(wanted), code=ENQUEUE).stdout)  # no preset has so many
        with dash.session() as session:
            end = time.monotonic() + GIVE_UP
            while True:
                said = session.get(f"{dash.url}/api/downloads/{row}", timeout=60).json()
                if said["status"] not in {"queued", "downloading"} or time.monotonic() > end:
                    break
                time.sleep(0.5)
        if said["status"] != "completed":
            raise RuntimeError(f"{said['status']}: {said['error_message']}")
        moments = [datetime.fromisoformat(said[name]) for name in ("started_at", "completed_at")]
        return (moments[1] - moments[0]).total_seconds(), _processor_seconds(worker) - before, models / "loras"


def _worker_of(dash: Dashboard) -> int:
    """The process that brings files."""
    return next(pid for pid in dash.processes() if b"serve.worker" in Path(f"/proc/{pid}/cmdline").read_bytes())


def _processor_seconds(pid: int) -> float:
    """Of all its threads, those that are over included. Source: proc(5), /proc/PID/stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit("Run python -m bench.transfer --cases many tiny")
