"""One command, one table: same server, same disk, medians, every file verified."""

from __future__ import annotations

import argparse
import json
import os
import statistics
from dataclasses import dataclass
from pathlib import Path

from bench.transfer import measure
from bench.transfer.clients import Client, clients

GB = 1_000_000_000


@dataclass(frozen=True)
class Case:
    name: str
    size: int
    server: tuple[str, ...] = ()
    drop_every: int = 0


CASES = {
    "free": Case("2 GB, no limit", 2 * GB),
    "each": Case("0.5 GB, 25 MB/s per connection", GB // 2, ("--speed", "25MB")),
    "line": Case("1 GB, 110 MB/s in all, 50 ms", GB, ("--total-speed", "110MB", "--latency", "0.05")),
    "drop": Case("1 GB, dropped every 50 MB", GB, drop_every=50_000_000),
    "calm": Case("1 GB, not dropped", GB),
}


def main() -> None:
    options = _arguments()
    found = [
        client
        for client in clients(options.bench_python, tuple(options.ours))
        if not options.only or any(name in client.name for name in options.only)
    ]
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; medians of {options.rounds}\n")
    results: dict[str, dict[str, float]] = {}
    for key in options.cases:
        if key == "kill":
            results[key] = _kill(found, options.folder)
        else:
            results[key] = _case(CASES[key], found, options)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    _targets(results)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.transfer", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", nargs="*", choices=[*CASES, "kill"], default=[*CASES, "kill"])
    parser.add_argument("--ours", nargs="*", type=int, default=[1, 4, 8, 16], help="connections")
    parser.add_argument("--only", nargs="*", default=[], help="clients whose name contains one of these")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk that is measured")
    parser.add_argument("--bench-python", default="", help="an interpreter that has huggingface_hub and aiohttp")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _case(case: Case, found: list[Client], options: argparse.Namespace) -> dict[str, float]:
    runs: dict[str, list[measure.Run | None]] = {client.name: [] for client in found}
    with measure.serving(case.size, *case.server) as server:
        if case.drop_every:
            server.order(do="fault", origin="cdn", drop_after=case.drop_every)
        result = {} if case.server or case.drop_every else _limits(case, server, options.folder)
        for _ in range(options.rounds):  # in turn, so that a busy moment hits all of them
            for client in found:
                if runs[client.name] and runs[client.name][-1] is None:
                    continue
                with measure.folder(options.folder) as place:
                    runs[client.name].append(measure.run(client, server, place, 60 + case.size / 20e6))
    print(f"{case.name:40}{'there':>9}{'verified':>10}{'CPU s/GB':>10}{'peak MB':>9}")
    for name, all_runs in runs.items():
        done = [run for run in all_runs if run]
        if len(done) < len(all_runs):
            print(f"  {name:38}{'never ends':>9}")
            continue
        result[name] = statistics.median(run.verified for run in done)
        print(
            f"  {name:38}{statistics.median(run.seconds for run in done):9.2f}{result[name]:10.2f}"
            f"{statistics.median(run.cpu for run in done) / case.size * GB:10.2f}"
            f"{max(run.memory for run in done) / 1e6:9.0f}"
        )
    print()
    return result


def _limits(case: Case, server: measure.Server, folder: Path) -> dict[str, float]:
    limits = {
        "SHA-256, one thread": measure.hashing_seconds(case.size),
        "disk write, to the platter": measure.writing_seconds(case.size, folder),
        "loopback": measure.loopback_seconds(server),
    }
    print(f"limits of this machine, {case.size / GB:g} GB")
    for name, seconds in limits.items():
        print(f"  {name:38}{seconds:9.2f}")
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
            print(f"  {client.name:38}{words:>18}")
    print()
    return again


def _targets(results: dict[str, dict[str, float]]) -> None:
    """What was aimed at, what came out."""

    def ours(case: str, wanted: str = "") -> float:
        times = [value for name, value in results.get(case, {}).items() if name.startswith(f"ours, {wanted}")]
        return min(times, default=float("nan"))

    def of(case: str, name: str) -> float:
        return results.get(case, {}).get(name, float("nan"))

    free = results.get("free", {})
    best = max(free.get("SHA-256, one thread", 0), free.get("loopback", 0))
    others = [value for name, value in free.items() if name.startswith(("curl", "wget", "aria", "hugg", "aio"))]
    rows = [
        ("no limit: of max(network, SHA-256), at most 1.15", ours("free") / best if best else float("nan")),
        ("no limit: of the best other, verified, below 1", ours("free") / min(others, default=float("nan"))),
        ("25 MB/s each, ours 8: of aria2c -x8, at most 0.8", ours("each", "8") / of("each", "aria2c -x8")),
        ("25 MB/s each, ours 16: of aria2c -x16, at most 1", ours("each", "16") / of("each", "aria2c -x16")),
        ("110 MB/s, 50 ms: of aria2c, at most 0.85", ours("line", "8") / of("line", "aria2c -x8")),
        ("drops: of the undisturbed time, at most 1.1", ours("drop", "8") / ours("calm", "8")),
        ("kill at half: MB fetched again, under 16", ours("kill", "8")),
    ]
    print("targets")
    for name, value in rows:
        print(f"  {name:58}{value:8.2f}")


if __name__ == "__main__":
    main()
