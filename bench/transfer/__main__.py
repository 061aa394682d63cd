"""One command, one table: same server, same disk, medians, every file verified."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.transfer import many, measure
from bench.transfer.clients import Client, clients
from bench.transfer.targets import say_targets

GB = 1_000_000_000


@dataclass(frozen=True)
class Case:
    """share: of the whole time; once it is used, no further round begins. compared: who comes first, in all rounds."""

    name: str
    size: int
    server: tuple[str, ...] = ()
    drop_every: int = 0
    share: float = 0.2
    compared: tuple[str, ...] = ("ours, 8", "aria2c -x8")


CASES = {
    "free": Case("2 GB, no limit", 2 * GB, share=0.3, compared=("ours", "aria2c", "curl")),
    "each": Case(
        "0.5 GB, 25 MB/s per connection", GB // 2, ("--speed", "25MB"), compared=("ours, 8", "ours, 16", "aria2c")
    ),
    "line": Case("1 GB, 110 MB/s in all, 50 ms", GB, ("--total-speed", "110MB", "--latency", "0.05")),
    "drop": Case("1 GB, dropped every 50 MB", GB, drop_every=50_000_000, share=0.1),
    "calm": Case("1 GB, not dropped", GB, share=0.1),
}
Times = dict[str, dict[str, float]]


def main() -> None:
    options = _arguments()
    found = [
        client
        for client in clients(options.bench_python, tuple(options.ours))
        if not options.only or any(name in client.name for name in options.only)
    ]
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; medians of up to {options.rounds} runs\n")
    results: Times = {}
    for key in options.cases:
        if key in many.CASES:
            results[key] = many.run_case(many.CASES[key], options.rounds, options.folder, options.bench_python)
        else:
            results[key] = _kill(found, options.folder) if key == "kill" else _case(CASES[key], found, options)
        if options.json:
            options.json.write_text(json.dumps(results, indent=1))
    for key, connections in say_targets(results):
        _profile(CASES[key], connections, options.folder)
    print(f"load after: {os.getloadavg()[0]:.1f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.transfer", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="at most, while there is time")
    parser.add_argument("--minutes", type=float, default=10.0, help="about, in all; each client runs once in any case")
    parser.add_argument("--cases", nargs="*", choices=[*CASES, "kill", *many.CASES], default=[*CASES, "kill"])
    parser.add_argument("--ours", nargs="*", type=int, default=[1, 4, 8, 16], help="connections")
    parser.add_argument("--only", nargs="*", default=[], help="clients whose name contains one of these")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk that is measured")
    parser.add_argument("--bench-python", default="", help="an interpreter that has huggingface_hub and aiohttp")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _case(case: Case, found: list[Client], options: argparse.Namespace) -> dict[str, float]:
    runs: dict[str, list[measure.Run]] = {client.name: [] for client in found}
    failed: dict[str, str] = {}
    with _serving(case) as server:
        result = {} if case.server or case.drop_every else _limits(case, server, options.folder)
        end = time.monotonic() + case.share * options.minutes * 60
        first = [client for client in found if client.name.startswith(case.compared)]
        for group in (first, [client for client in found if client not in first]):
            for number in range(options.rounds):  # in turn, so that a busy moment hits all of them
                for client in group:
                    if client.name not in failed and (number == 0 or time.monotonic() < end):
                        _run(client, server, options.folder, runs[client.name], failed)
    print(f"{case.name:38}{'runs':>5}{'there':>9}{'verified':>10}{'CPU s/GB':>10}{'peak MB':>9}")
    for name, done in runs.items():
        if name in failed:
            print(f"  {name:36}{len(done):5}{failed[name]:>12}")
            continue
        result[name] = statistics.median(run.verified for run in done)
        print(
            f"  {name:36}{len(done):5}{statistics.median(run.seconds for run in done):9.2f}{result[name]:10.2f}"
            f"{statistics.median(run.cpu for run in done) / case.size * GB:10.2f}"
            f"{max(run.memory for run in done) / 1e6:9.0f}"
        )
    print(flush=True)
    return result


@contextmanager
def _serving(case: Case) -> Iterator[measure.Server]:
    with measure.serving(case.size, *case.server) as server:
        if case.drop_every:
            server.order(do="fault", origin="cdn", drop_after=case.drop_every)
        yield server


def _run(client: Client, server: measure.Server, folder: Path, runs: list[measure.Run], failed: dict[str, str]) -> None:
    with measure.folder(folder) as place:
        try:
            run = measure.run(client, server, place, hashing=runs[0].hashing if runs else None)
        except measure.WrongBytes:
            failed[client.name] = "wrong file"
            return
    if run is None:
        failed[client.name] = "never ends"
    else:
        runs.append(run)


def _limits(case: Case, server: measure.Server, folder: Path) -> dict[str, float]:
    limits = {
        "SHA-256, one thread": measure.best_of(lambda: measure.hashing_seconds(case.size)),
        "disk write, to the platter": measure.best_of(lambda: measure.writing_seconds(case.size, folder), 2),
        "loopback": measure.best_of(lambda: measure.loopback_seconds(server)),
    }
    print(f"limits of this machine, {case.size / GB:g} GB")
    for name, seconds in limits.items():
        print(f"  {name:41}{seconds:9.2f}")
    return limits


def _kill(found: list[Client], folder: Path) -> dict[str, float]:
    print(f"{'0.5 GB, killed at half':40}{'MB fetched again':>18}")
    again: dict[str, float] = {}
    with measure.serving(GB // 2, "--total-speed", "200MB") as server:
        for client in found:
            with measure.folder(folder) as place:
                count = measure.fetched_again(client, server, place)
            words = {None: "never ends", measure.WRONG: "wrong file"}.get(count, f"{(count or 0) / 1e6:.1f}")
            again[client.name] = float("nan") if count in {None, measure.WRONG} else (count or 0) / 1e6
            print(f"  {client.name:38}{words:>18}", flush=True)
    print()
    return again


def _profile(case: Case, connections: str, folder: Path) -> None:
    """Where the seconds of one of our transfers go."""
    print(f"\nwhere the time goes: {case.name}, {connections} connections")
    with _serving(case) as server, measure.folder(folder) as place:
        for line in measure.profile(server, place, connections):
            print(f"  {line}")


if __name__ == "__main__":
    main()
