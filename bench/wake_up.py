"""From the click to the start: how long an idle worker takes to begin an install, and what its idling costs.

python -m bench.wake_up [--clicks 50] [--idle 60]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from datetime import datetime
from pathlib import Path

from bench.machine import Dashboard, cpu_seconds, dashboard, percentile, table

PRESET = """  WAKE_{number}:
    name: Wake {number}
    category: Bench
    type: image
    description: Bench
    files: [{{path: loras/{number}.safetensors, url: "{address}"}}]
"""
HEAD = 'metadata: {version: "1.0"}\ncategories: {Bench: {description: Bench, type: image}}\npresets:\n'
NOWHERE = "http://127.0.0.1:9/{number}.safetensors"  # refused before a socket is opened: only the start counts


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.wake_up", description=__doc__)
    parser.add_argument("--clicks", type=int, default=50)
    parser.add_argument("--idle", type=float, default=60.0, help="seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="comfydash-bench-") as folder:
        presets = Path(folder) / "presets.yaml"
        numbers = range(options.clicks)
        entries = (PRESET.format(number=number, address=NOWHERE.format(number=number)) for number in numbers)
        presets.write_text(HEAD + "".join(entries))
        with dashboard(COMFYDASH_PRESETS_FILE=str(presets), COMFYDASH_ALLOW_PRIVATE_HOSTS="off") as dash:
            waits = [click(dash, number) for number in numbers]
            worker = _worker_of(dash)
            time.sleep(2)
            before = cpu_seconds([worker])
            time.sleep(options.idle)
            idle = (cpu_seconds([worker]) - before) / options.idle
    lines = [
        (f"click to started, {options.clicks} clicks, p50", f"{percentile(waits, 0.5) * 1000:.0f} ms"),
        ("p95 (target 150 ms)", f"{percentile(waits, 0.95) * 1000:.0f} ms"),
        ("longest", f"{max(waits) * 1000:.0f} ms"),
        (f"the idle worker's processor, {options.idle:.0f} s (target 0.5 %)", f"{idle:.2%}"),
    ]
    table("An idle worker", ("what", "seen"), lines)


def click(dash: Dashboard, number: int) -> float:
    """Seconds from the request to the moment at which the install was claimed."""
    with dash.session() as session:
        session.get(f"{dash.url}/livez", timeout=60)  # the connection is there
        time.sleep(random.uniform(0.2, 1.2))  # at any moment of a poll
        clicked = time.time()
        row = session.post(f"{dash.url}/api/presets/WAKE_{number}/install", timeout=60).json()["download_id"]
        while True:
            time.sleep(0.1)
            said = session.get(f"{dash.url}/api/downloads/{row}", timeout=60).json()
            if said["status"] not in {"queued", "downloading"}:
                return datetime.fromisoformat(said["started_at"]).timestamp() - clicked


def _worker_of(dash: Dashboard) -> int:
    return next(pid for pid in dash.processes() if b"serve.worker" in Path(f"/proc/{pid}/cmdline").read_bytes())


if __name__ == "__main__":
    main()
