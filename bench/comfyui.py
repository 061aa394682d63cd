"""What the dashboard costs the ComfyUI beside it, and what a ComfyUI that hangs costs the dashboard.

python -m bench.comfyui [SECONDS]
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from bench.machine import Dashboard, cpu_seconds, dashboard, percentile, table
from tests.fakecomfy import GRAPH, FakeComfy
from tests.fakecomfy.server import Profile

HEAVY = {"extra_pnginfo": {"workflow": {"nodes": ["x" * 1000] * 170}}}  # as large as a common workflow, 170 kB
PAGES = ("/", "/models/", "/workflows/", "/activity/", "/settings/", "/generate/", "/api/comfyui/status")


def fill(fake: FakeComfy, count: int) -> None:
    for _ in range(count):
        fake.jobs.put(str(uuid.uuid4()), GRAPH, HEAVY)
        fake.jobs.start()
        fake.jobs.finish()


def work(fake: FakeComfy, stop: threading.Event) -> None:
    """A job every three seconds, and twenty waiting."""
    for _ in range(20):
        fake.jobs.put(str(uuid.uuid4()), GRAPH, HEAVY)
    while not stop.wait(1.5):
        fake.jobs.put(str(uuid.uuid4()), GRAPH, HEAVY)
        fake.jobs.start()
        stop.wait(1.5)
        fake.jobs.finish()


def measure_poller(version: Profile, seconds: float) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory() as folder, FakeComfy(Path(folder), version) as fake:
        fill(fake, 300)
        with dashboard(COMFYUI_URL=fake.url) as dash:
            time.sleep(15)  # the first look at everything is over
            rows.append(sample(dash, fake, f"{version} idle", seconds))
            stop = threading.Event()
            thread = threading.Thread(target=work, args=(fake, stop))
            thread.start()
            time.sleep(5)
            rows.append(sample(dash, fake, f"{version} busy", seconds))
            stop.set()
            thread.join()
    return rows


def sample(dash: Dashboard, fake: FakeComfy, what: str, seconds: float) -> tuple[object, ...]:
    pids = dash.processes()
    asked, sent, cpu = len(fake.log), fake.sent, cpu_seconds(pids)
    time.sleep(seconds)
    minutes = seconds / 60
    used = 100 * (cpu_seconds(pids) - cpu) / seconds
    per_minute = (fake.sent - sent) / minutes
    return (what, f"{(len(fake.log) - asked) / minutes:.0f}", f"{per_minute / 1e3:.1f} kB", f"{used:.2f} %")


def measure_pages() -> None:
    found: dict[str, list[str]] = {path: [path] for path in PAGES}
    with tempfile.TemporaryDirectory() as folder, FakeComfy(Path(folder)) as fake:
        for prepare in (lambda: None, fake.hang):
            times = page_times(fake, prepare)
            for path, values in times.items():
                found[path] += [f"{percentile(values, share):.1f} ms" for share in (0.5, 0.95)]
        fake.wake()
    head = ("page", "well p50", "p95", "hanging p50", "p95")
    table("Pages beside a ComfyUI that is well, and one that accepts and never answers", head, found.values())


def page_times(fake: FakeComfy, prepare: Callable[[], None]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {path: [] for path in PAGES}
    with dashboard(COMFYUI_URL=fake.url, COMFYDASH_AUTH="off") as dash:
        time.sleep(5)
        prepare()
        time.sleep(15)  # so that the poller is in the middle of waiting
        session = dash.session()
        for number in range(23):
            for path in PAGES:
                begun = time.perf_counter()
                session.get(dash.url + path, timeout=60).raise_for_status()
                if number >= 3:
                    times[path].append((time.perf_counter() - begun) * 1000)
    return times


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    rows = [*measure_poller("0.33", seconds), *measure_poller("0.3.64", seconds)]
    with dashboard() as dash:
        time.sleep(15)
        pids = dash.processes()
        before = cpu_seconds(pids)
        time.sleep(seconds)
        rows.append(("no ComfyUI", "", "", f"{100 * (cpu_seconds(pids) - before) / seconds:.2f} %"))
    table("Asked of ComfyUI per minute, and CPU of all our processes", ("ComfyUI", "requests", "bytes", "CPU"), rows)
    measure_pages()


if __name__ == "__main__":
    main()
