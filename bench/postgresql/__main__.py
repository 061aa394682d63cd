"""A long queue, a long history and many open pages: SQLite beside PostgreSQL with Redis, two webs and two workers.

python -m bench.postgresql [--queued 10000] [--history 100000] [--activities 30000] [--rounds 15]

The two take turns, and the load of the machine is printed, because figures of a busy one say little by themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import requests

from bench.machine import percentile, table
from bench.postgresql import crowd
from bench.postgresql.stacks import Size, Stack, both
from bench.postgresql.steps import PAGES, verbs
from bench.transfer.measure import Server, serving

Times = dict[tuple[str, str], list[float]]  # seconds, by stack and page or verb
SMALL = 20_000  # bytes of a file
INSTALLS = 200
CLAIMS = 30
CLAIM = """
import os, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "comfydash.settings"
import django; django.setup()
from downloads.models import DownloadHistory
from downloads.worker.lock import worker_lock
with worker_lock() as fence:
    for _ in range(int(sys.argv[1])):
        begun = time.perf_counter()
        row = DownloadHistory.claim_next(fence=fence.number)
        print(time.perf_counter() - begun)
        row.give_back()
"""


def measure_pages(stacks: Sequence[Stack], rounds: int) -> None:
    times: Times = defaultdict(list)
    for number in range(rounds + 2):
        for path in PAGES:
            for stack in stacks:
                seconds = _timed(partial(stack.get, path))
                if number >= 2:
                    times[stack.name, path].append(seconds)
    _beside(stacks, "pages", [(path, path) for path in PAGES], times)


def measure_verbs(stacks: Sequence[Stack], rounds: int) -> None:
    steps = {stack.name: verbs(stack.middle) for stack in stacks}
    names = [step.name for step in steps[stacks[0].name]]
    times: Times = defaultdict(list)
    for number in range(rounds + 1):
        for place, name in enumerate(names):
            for stack in stacks:
                step = steps[stack.name][place]
                seconds = _timed(partial(stack.post, step.path, step.fields))
                if number:
                    times[stack.name, name].append(seconds)
        for stack in stacks:
            stack.tidy_up()
    _beside(stacks, "verbs", [(name, name) for name in names], times)


def _timed(act: Callable[[], requests.Response]) -> float:
    begun = time.perf_counter()
    answer = act()
    seconds = time.perf_counter() - begun
    if answer.status_code >= 400:
        raise RuntimeError(f"{answer.url}: {answer.status_code} {answer.text[:300]}")
    return seconds


def _beside(stacks: Sequence[Stack], title: str, named: Sequence[tuple[str, str]], times: Times) -> None:
    counted = {stack.name: stack.counted() for stack in stacks}
    sqlite, postgres = (stack.name for stack in stacks)
    lines = [
        (
            shown,
            *_ms(times[sqlite, name]),
            *_ms(times[postgres, name]),
            counted[sqlite][name][0],
            counted[postgres][name][0],
            f"{counted[postgres][name][1]:,}",
        )
        for shown, name in named
    ]
    head = (title, "SQLite p50", "p95", "PostgreSQL p50", "p95", "statements", "on PostgreSQL", "rows looked at there")
    table(f"{_size(stacks[0].size)} (load {_load()})", head, lines)


def _ms(seconds: Sequence[float]) -> tuple[str, str]:
    return f"{percentile(seconds, 0.5) * 1000:.0f} ms", f"{percentile(seconds, 0.95) * 1000:.0f} ms"


def _size(size: Size) -> str:
    return f"{size.queued:,} queued, {size.history:,} ended, {size.activities:,} entries of the log"


def _load() -> str:
    return " ".join(f"{number:.1f}" for number in os.getloadavg())


def measure_crowd(stacks: Sequence[Stack], pages: int) -> None:
    lines = []
    for stack in stacks:
        seen = asyncio.run(crowd.measure(stack, pages))
        connections = f"{seen.connections_standing}, {seen.connections_most}"
        figures = (*_ms(seen.heard), *_ms(seen.fetched), seen.refused, f"{100 * seen.busy:.1f} %", connections)
        lines.append((stack.name, len(stack.webs), *figures, _load()))
    head = (
        "a change in the queue",
        "webs",
        "heard p50",
        "p95",
        "piece fetched p50",
        "p95",
        "refused",
        "CPU when quiet",
    )
    table(f"{pages} open pages", (*head, "connections: quiet, most", "load"), lines)


def measure_worker(stacks: Sequence[Stack], hub: Server, installs: int) -> None:
    lines = []
    for stack in stacks:
        claims = [float(line) for line in stack.run("-c", CLAIM, str(CLAIMS)).split()]
        stack.tidy_up()
        gaps = _gaps(stack, hub, installs)
        p99 = f"{percentile(gaps, 0.99) * 1000:.0f} ms"
        lines.append((stack.name, *_ms(claims), *_ms(gaps), p99, _load()))
    head = ("worker", "claim p50", "p95", "gap between installs p50", "p95", "p99", "load")
    table(f"{CLAIMS} claims, {installs} installs of {SMALL:,} bytes (targets 20 ms, p99 300 ms)", head, lines)


def _gaps(stack: Stack, hub: Server, installs: int) -> list[float]:
    """Seconds from the end of an install to the begin of the next."""
    first = stack.size.history + 1
    for row in range(first, first + installs):
        hub.order(do="file", repo="bench/models", path=f"{row}.safetensors", size=SMALL, seed=row)
    ended = f"SELECT count(*) FROM download_history WHERE id >= {first} AND status IN ('completed', 'failed')"
    with stack.workers():
        while stack.rows(ended)[0][0] < installs:
            time.sleep(0.5)
    moments = stack.rows(
        "SELECT started_at, completed_at FROM download_history "
        f"WHERE id >= {first} AND status = 'completed' ORDER BY started_at LIMIT {installs}"
    )
    if len(moments) < installs:
        raise RuntimeError(f"{installs - len(moments)} of {installs} installs went wrong")
    begins, ends = ([_moment(row[place]) for row in moments] for place in (0, 1))
    return [(begin - end).total_seconds() for end, begin in zip(ends, begins[1:], strict=False)]


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.postgresql", description=__doc__)
    parser.add_argument("--queued", type=int, default=10_000)
    parser.add_argument("--history", type=int, default=100_000)
    parser.add_argument("--activities", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--pages", type=int, default=200, help="open at once")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    size = Size(options.queued, options.history, options.activities)
    with serving(SMALL) as hub, both(size, hub) as stacks:
        for stack in stacks:
            stack.fill()
        measure_pages(stacks, options.rounds)
        measure_verbs(stacks, options.rounds)
        measure_crowd(stacks, options.pages)
        measure_worker(stacks, hub, min(INSTALLS, options.queued))


if __name__ == "__main__":
    main()
