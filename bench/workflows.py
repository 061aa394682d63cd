"""How fast and how exact workflows are read, and how fast the board is with many of them.

python -m bench.workflows [--other PYTHON]

PYTHON is the interpreter of a virtual environment with comfy-resolve, to have its scanner read the same files.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from bench.machine import ROOT, dashboard, percentile, table

RUNS = 5
OWN_WORKFLOWS = 2_000
REQUESTS = 60
PAGES = (
    "/workflows/",
    "/workflows/?q=flux&verdict=missing",
    "/workflows/?page=40",
    "/workflows/show/templates:image_flux2.json/",
    "/api/workflows/templates",
    "/api/workflows/plan?budget=100GB",
)
# Prints {file: [[folder or type, name], …]} of the models that the other tool finds, and the seconds that it took.
OTHER = """
import json, sys, time
from pathlib import Path
from comfy_resolve.parser import extract_assets
files = sorted(Path(sys.argv[1]).glob("*.json"))
begun = time.perf_counter()
found = {}
for file in files:
    try:
        assets = extract_assets(json.loads(file.read_text("utf-8")))
        found[file.name] = [a.raw_name for a in assets]
    except Exception as error:
        found[file.name] = f"{type(error).__name__}: {error}"
print(json.dumps([time.perf_counter() - begun, found]))
"""


def templates() -> Path:
    spec = find_spec("comfyui_workflow_templates_json")
    assert spec and spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations))) / "templates"


def measure_once() -> dict[str, float]:
    """In a fresh process: seconds for all files of the package, and the memory that this took at its peak."""
    from workflowfiles import scan_file

    files = sorted(templates().glob("*.json"))
    before = _peak_kb()
    begun, cpu = time.perf_counter(), time.process_time()
    slowest = 0.0
    for file in files:
        start = time.perf_counter()
        scan_file(file)
        slowest = max(slowest, time.perf_counter() - start)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    peak = _peak_kb() - before
    return {"files": len(files), "seconds": seconds, "cpu": cpu, "slowest": slowest, "peak_kb": peak}


def _peak_kb() -> int:
    """Most memory that this process ever held. Not ru_maxrss: that begins with what the parent held at the fork."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def measure_warm(workspace: str) -> dict[str, float]:
    """Seconds of one look at the library when nothing changed; every file is asked for its time and size again."""
    import os

    os.environ |= {"COMFYDASH_WORKSPACE": workspace, "DJANGO_SETTINGS_MODULE": "comfydash.settings"}
    import django

    django.setup()
    from workflows import library

    begun = time.perf_counter()
    library.library()
    first = time.perf_counter() - begun
    again, cpu = [], time.process_time()
    for _ in range(20):
        library.forget()
        begun = time.perf_counter()
        library.library()
        again.append(time.perf_counter() - begun)
    return {"first": first, "again": median(again), "cpu": (time.process_time() - cpu) / 20}


def child(*arguments: str) -> Any:
    command = [sys.executable, "-m", "bench.workflows", *arguments]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def scanning() -> None:
    runs = [child("--once") for _ in range(RUNS)]
    seconds = [run["seconds"] for run in runs]
    table(
        f"Scanning the template package, {runs[0]['files']} files, {RUNS} fresh processes",
        ("what", "median", "worst"),
        [
            ("all files", f"{median(seconds) * 1000:.0f} ms", f"{max(seconds) * 1000:.0f} ms"),
            ("of which processor", *(f"{f([r['cpu'] for r in runs]) * 1000:.0f} ms" for f in (median, max))),
            ("slowest file", *(f"{f([r['slowest'] for r in runs]) * 1000:.1f} ms" for f in (median, max))),
            ("memory at the peak", *(f"+{f([r['peak_kb'] for r in runs]) / 1000:.1f} MB" for f in (median, max))),
        ],
    )


def exactness(other: str) -> None:
    """How many templates have exactly the declared, active models, by a reader that follows each instance."""
    from tests.workflowfiles.stories.test_templates import loaders
    from workflowfiles import scan_file

    results: list[tuple[str, int, int, str]] = []
    documents = {file.name: json.loads(file.read_bytes()) for file in templates().glob("*.json")}
    workflows = {name: doc for name, doc in documents.items() if isinstance(doc, dict) and "nodes" in doc}
    expected = {name: {model for on, model, _ in loaders(doc) if on} for name, doc in workflows.items()}
    begun = time.perf_counter()
    scans = {name: scan_file(templates() / name) for name in documents}
    seconds = time.perf_counter() - begun
    ours = {name: {use.name for use in scans[name].models if use.needed} for name in workflows}
    results.append(("workflowfiles", *_exact(ours, expected), f"{seconds * 1000:.0f} ms"))
    if other:
        run = subprocess.run([other, "-c", OTHER, str(templates())], check=True, capture_output=True, text=True)
        took, found = json.loads(run.stdout)
        theirs = {name: set(found[name]) if isinstance(found[name], list) else {"?"} for name in workflows}
        results.append(("comfy-resolve", *_exact(theirs, expected), f"{took * 1000:.0f} ms"))
    with_models = sum(bool(models) for models in expected.values())
    table(
        f"Exact sets of needed models, {len(workflows)} workflows, {with_models} of them with models",
        ("scanner", "exact", "exact of those with models", "time"),
        results,
    )


def _exact(found: dict[str, set[str]], expected: dict[str, set[str]]) -> tuple[int, int]:
    exact = [name for name in expected if found[name] == expected[name]]
    return len(exact), sum(bool(expected[name]) for name in exact)


def board() -> None:
    """The pages with all templates and many workflows of one's own, over HTTP."""
    sources = [file for file in sorted(templates().glob("*.json")) if not file.name.startswith(("index", "fuse"))]
    with dashboard("--no-worker") as running:
        folder = running.workspace / "workflows"
        folder.mkdir(exist_ok=True)
        for number in range(OWN_WORKFLOWS):
            (folder / f"own-{number:04}.json").write_bytes(sources[number % len(sources)].read_bytes())
        time.sleep(4)  # the library looks at its folders every three seconds
        warm = child("--warm", str(running.workspace))
        session = running.session()
        rows = []
        for path in PAGES:
            first = _seconds(session, running.url + path)
            times = [_seconds(session, running.url + path) for _ in range(REQUESTS)]
            shown = [percentile(times, 0.5), percentile(times, 0.95), max(times)]
            rows.append((path, f"{first * 1000:.0f} ms", *(f"{seconds * 1000:.1f} ms" for seconds in shown)))
    table(
        f"Pages with {len(sources)} templates and {OWN_WORKFLOWS} own workflows",
        ("address", "first", "p50", "p95", "max"),
        rows,
    )
    table(
        f"A look at {len(sources) + OWN_WORKFLOWS} files, in a process of its own",
        ("what", "time"),
        [
            ("first, nothing kept", f"{warm['first'] * 1000:.0f} ms"),
            ("again, nothing changed", f"{warm['again'] * 1000:.1f} ms"),
            ("of which processor", f"{warm['cpu'] * 1000:.1f} ms"),
        ],
    )


def _seconds(session: Any, address: str) -> float:
    begun = time.perf_counter()
    response = session.get(address, timeout=60)
    response.raise_for_status()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--other", default="", metavar="PYTHON")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--warm", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(measure_once()))
    elif options.warm:
        print(json.dumps(measure_warm(options.warm)))
    else:
        scanning()
        exactness(options.other)
        board()


if __name__ == "__main__":
    main()
