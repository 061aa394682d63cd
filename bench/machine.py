"""A dashboard of its own for each measurement, and what the system says of its processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parent.parent
KEY = "bench-key-0123456789abcdef0123456789"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Dashboard:
    """A running ``manage.py serve`` on a workspace of its own."""

    workspace: Path
    port: int
    process: subprocess.Popen[bytes]
    started_in: float
    environment: dict[str, str] = field(repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {KEY}"
        return session

    def processes(self) -> list[int]:
        return [self.process.pid, *descendants(self.process.pid)]

    def manage(self, *arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *(["-c", code] if code else ["manage.py"]), *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True)


@contextmanager
def dashboard(*arguments: str, **environment: str) -> Iterator[Dashboard]:
    """Start one, wait for its first page, stop it at the end. Everything lies in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="comfydash-bench-") as folder:
        port = free_port()
        variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("COMFYDASH_", "HF_"))},
            "COMFYDASH_WORKSPACE": folder,
            "COMFYDASH_API_KEY": KEY,
            "COMFYDASH_ALLOW_PRIVATE_HOSTS": "on",
            "COMFYUI_URL": f"http://127.0.0.1:{free_port()}",
            "NO_PROXY": "*",
            **environment,
        }
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(port), *arguments],
            cwd=ROOT,
            env=variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for_page(f"http://127.0.0.1:{port}/login/", process)
            yield Dashboard(Path(folder), port, process, time.perf_counter() - begun, variables)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for_page(url: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    session = requests.Session()
    session.trust_env = False
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"serve ended with {process.returncode}")
        try:
            if session.get(url, timeout=10).status_code == 200:
                return
        except requests.RequestException:
            time.sleep(0.02)
    raise RuntimeError(f"no page at {url}")


def descendants(pid: int) -> list[int]:
    """Process ids of all children and theirs. Source: proc(5), /proc/PID/task/TID/children."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found


def pss(pids: Iterable[int]) -> int:
    """Proportional set size of the processes together, bytes."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def cpu_seconds(pids: Iterable[int]) -> float:
    """Time on a processor of the living threads of the processes together, as the scheduler counted it.

    Not the ticks of /proc/PID/stat: a process that wakes up with the clock's tick is charged whole ones.
    """
    nanoseconds = 0
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            nanoseconds += int((thread / "schedstat").read_text().split()[0])
    return nanoseconds / 1e9


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print aligned columns, also good as Markdown."""
    lines = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[index]) for line in [list(head), *lines]) for index in range(len(head))]
    print(f"\n{title}\n")
    print("| " + " | ".join(cell.ljust(width) for cell, width in zip(head, widths, strict=True)) + " |")
    print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    for line in lines:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |")
