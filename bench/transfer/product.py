"""The whole product, started to completed, beside its engine and other clients: `python -m bench.transfer.product`.

One file over http and over TLS, from nginx on loopback. The others check nothing, so OpenSSL's SHA-256 of the file is
added to their seconds; an fsync, which ours ends with, is not. Then the same over TLS to a volume of 100 MB/s.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.machine import Dashboard, dashboard, table
from bench.transfer.clients import HERE, NAME
from bench.transfer.measure import WrongBytes, folder, writing_seconds
from bench.transfer.nginx import REPOSITORY, Origin, origin
from tests.slow_volume import is_possible, slow_volume

GB = 1_000_000_000
PRODUCT = "ours, whole product"
MOST_OF_THE_BEST = 0.97
MOST_PROCESSOR = 2.2  # seconds per GB over TLS
SLOW = 100_000_000  # bytes/s
TICKS = os.sysconf("SC_CLK_TCK")
OTHERS = {
    "curl": "curl -sSL --cacert {ca} -o {out} {url}",
    "wget": "wget -q --ca-certificate={ca} -O {out} {url}",
    "aria2c -x8": "aria2c -q --ca-certificate={ca} -x8 -s8 -k1M --file-allocation=falloc -d {folder} -o {name} {url}",
}
PRESET = """metadata: {{version: "1.0"}}
categories: {{Bench: {{description: Models, type: image}}}}
presets:
  bench:
    name: bench
    category: Bench
    type: image
    description: One large file
    files: [{{path: checkpoints/{name}, url: "https://huggingface.co/{repository}/resolve/main/{name}"}}]
"""


@dataclass(frozen=True)
class Run:
    """Seconds until the file is there and until it is known to be right; processor seconds, without the start of an
    interpreter; context switches and the peak of memory (bytes), None where they cannot be asked."""

    there: float
    verified: float
    processor: float
    switches: int | None
    memory: int | None


def main() -> None:
    options = _arguments()
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; medians of {options.rounds}, in turn")
    missing = [name for name in OTHERS if not shutil.which(name.split()[0])]
    print("".join(f"{name}: left out, it is not installed\n" for name in missing), end="")
    with (
        tempfile.TemporaryDirectory(prefix="comfydash-bench-", dir=options.folder) as place,
        origin(Path(place), options.size) as source,
    ):
        for scheme in options.schemes:
            say(scheme, compare(scheme, source, options), options.size)
        if not options.no_slow_disk:
            slow_disk(source, options.folder)
    print(f"\nload after: {os.getloadavg()[0]:.1f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.transfer.product", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=3 * GB // 2, help="bytes")
    parser.add_argument("--schemes", nargs="*", choices=["http", "https"], default=["http", "https"])
    parser.add_argument("--no-slow-disk", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk that is measured")
    return parser.parse_args()


def compare(scheme: str, source: Origin, options: argparse.Namespace) -> dict[str, list[Run]]:
    ways: dict[str, Callable[[Path], Run]] = {
        name: lambda place, command=command: other(command, scheme, source, place)  # type: ignore[misc]
        for name, command in OTHERS.items()
        if shutil.which(command.split()[0])
    }
    ways["ours, engine"] = lambda place: engine(scheme, source, place)
    ways[PRODUCT] = lambda place: product(scheme, source, place)
    runs: dict[str, list[Run]] = {name: [] for name in ways}
    for _ in range(options.rounds):  # in turn, so that a busy moment hits all of them
        for name, run in ways.items():
            with folder(options.folder) as place:
                runs[name].append(run(place))
    return runs


def say(scheme: str, runs: dict[str, list[Run]], size: int) -> None:
    def median(name: str, of: Callable[[Run], float]) -> float:
        return statistics.median(map(of, runs[name]))

    rows = []
    for name, done in runs.items():
        switches = [run.switches for run in done if run.switches is not None]
        peaks = [run.memory for run in done if run.memory is not None]
        rows.append(
            (
                name,
                f"{median(name, lambda run: run.there):.2f}",
                f"{median(name, lambda run: run.verified):.2f}",
                f"{median(name, lambda run: run.processor) / size * GB:.2f}",
                round(statistics.median(switches) / size * GB) if switches else "–",
                round(max(peaks) / 1e6) if peaks else "–",
            )
        )
    head = ("client", "there, s", "verified, s", "processor, s/GB", "switches/GB", "peak MB")
    table(f"{size / GB:g} GB over {scheme}", head, rows)
    best = min(median(name, lambda run: run.verified) for name in runs if not name.startswith("ours"))
    ratio = median(PRODUCT, lambda run: run.verified) / best
    processor = median(PRODUCT, lambda run: run.processor) / size * GB
    print(f"\nwhole product, of the best other verified: {ratio:.2f} (at most {MOST_OF_THE_BEST} over TLS)")
    print(f"whole product, processor seconds per GB: {processor:.2f} (at most {MOST_PROCESSOR} over TLS)", flush=True)


# --- one run of each --------------------------------------------------------------------------------------------------


def other(command: str, scheme: str, source: Origin, place: Path) -> Run:
    file = place / NAME
    fields = {"ca": source.ca, "out": file, "url": source.file(scheme), "folder": place, "name": NAME}
    there, usage, _ = _timed(command.format(**fields).split())
    hashing, hash_usage, said = _timed(["openssl", "dgst", "-sha256", str(file)])
    if source.sha256 not in said:
        raise WrongBytes(f"{command.split()[0]} brought wrong bytes")
    processor = usage.ru_utime + usage.ru_stime + hash_usage.ru_utime + hash_usage.ru_stime
    switches = usage.ru_nvcsw + usage.ru_nivcsw + hash_usage.ru_nvcsw + hash_usage.ru_nivcsw
    return Run(there, there + hashing, processor, switches, None)


def _timed(command: list[str], **environment: str) -> tuple[float, Any, str]:
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    assert process.stdout
    with process.stdout as output:
        said = output.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return seconds, usage, said


def engine(scheme: str, source: Origin, place: Path) -> Run:
    command = [sys.executable, str(HERE / "ours.py"), source.hubs[scheme], source.file(scheme), str(place), "8"]
    _, _, said = _timed(command, REQUESTS_CA_BUNDLE=str(source.ca), NO_PROXY="*")
    processor, switches, peak, seconds = said.split()
    _check(place / NAME, source)
    return Run(float(seconds), float(seconds), float(processor), int(switches), int(peak) * 1024)


def product(scheme: str, source: Origin, place: Path, models: Path | None = None) -> Run:
    models = models or place / "models"
    with running(scheme, source, place, models) as dash:
        before = processor_seconds(dash)
        call(dash, "POST", "presets/bench/install")
        row = wait_for(dash, "completed", 0)
        processor, memory = processor_seconds(dash) - before, largest(dash)
        _check(models / "checkpoints" / NAME, source)
    seconds = (_moment(row["completed_at"]) - _moment(row["started_at"])).total_seconds()
    return Run(seconds, seconds, processor, None, memory)


@contextmanager
def running(scheme: str, source: Origin, place: Path, models: Path) -> Iterator[Dashboard]:
    (place / "config").mkdir(exist_ok=True)
    (place / "config" / "presets.yaml").write_text(PRESET.format(name=NAME, repository=REPOSITORY))
    variables = {"HF_ENDPOINT": source.hubs[scheme], "REQUESTS_CA_BUNDLE": str(source.ca)}
    with dashboard(COMFYDASH_WORKSPACE=str(place), COMFYDASH_MODELS_DIR=str(models), **variables) as dash:
        yield dash


def call(dash: Dashboard, method: str, path: str) -> Any:
    with dash.session() as session:
        answer = session.request(method, f"{dash.url}/api/{path}", timeout=60)
        answer.raise_for_status()
        return answer.json()


def wait_for(dash: Dashboard, status: str, bytes_done: int) -> dict[str, Any]:
    """The row of the preset once it has this status and so many bytes."""
    while True:
        [row] = call(dash, "GET", "downloads/history?limit=1")["downloads"]
        if row["status"] == status and row["bytes_done"] >= bytes_done:
            return dict(row)
        if row["status"] not in {"queued", "downloading"}:
            raise RuntimeError(f"{row['status']}: {row['error_message']}")
        time.sleep(0.25)


# --- a slow disk ------------------------------------------------------------------------------------------------------


def slow_disk(source: Origin, where: Path) -> None:
    if not is_possible():
        print("\nslow disk: left out, a FUSE volume takes root and /dev/fuse")
        return
    rows = []
    for name, cached in (("cached, as a disk", True), ("each write waits, as on a network volume", False)):
        with folder(where) as place, slow_volume(place, SLOW, cached=cached) as (mounted, _):
            run = product("https", source, place, mounted)
            disk = writing_seconds(source.size, mounted)
        with folder(where) as place, slow_volume(place, SLOW, cached=cached) as (mounted, _):
            heard = pause_seconds(source, place, mounted)
        rows.append((name, f"{disk:.1f}", f"{run.there:.1f}", f"{run.there / disk:.2f}", f"{heard:.2f}", _mb(run)))
    head = (
        "volume of 100 MB/s",
        "written by itself, s",
        "whole product, s",
        "ratio",
        "pause heard after, s",
        "peak MB",
    )
    table(f"{source.size / GB:g} GB over https to a slow disk", head, rows)


def pause_seconds(source: Origin, place: Path, models: Path) -> float:
    """From the click on Pause until nothing is written any more and the row says what is there."""
    with running("https", source, place, models) as dash:
        call(dash, "POST", "presets/bench/install")
        wait_for(dash, "downloading", source.size // 4)
        clicked = time.monotonic()
        call(dash, "POST", "presets/bench/pause")
        while call(dash, "GET", "presets/bench/status")["files"][0]["status"] != "pending":
            time.sleep(0.02)
        return time.monotonic() - clicked


def _mb(run: Run) -> int:
    return round((run.memory or 0) / 1e6)


# --- what the system says ---------------------------------------------------------------------------------------------


def processor_seconds(dash: Dashboard) -> float:
    """Of all processes with every thread they had. Source: proc(5), /proc/PID/stat, utime and stime."""
    ticks = 0
    for pid in dash.processes():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def largest(dash: Dashboard) -> int:
    """The peak of the one process that took most, bytes."""
    peaks = []
    for pid in dash.processes():
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        peaks += [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return max(peaks)


def _moment(said: str) -> datetime:
    return datetime.fromisoformat(said)


def _check(file: Path, source: Origin) -> None:
    with file.open("rb") as content:
        if hashlib.file_digest(content, "sha256").hexdigest() != source.sha256:
            raise WrongBytes(f"{file} arrived with wrong bytes")


if __name__ == "__main__":
    main()
