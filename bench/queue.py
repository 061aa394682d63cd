"""What pages, calls and verbs cost with a long queue: 1,000 and 10,000 one-file installs.

python -m bench.queue [ROWS…]
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import requests

from bench.dashboard import log_in
from bench.machine import ROOT, Dashboard, dashboard, percentile, table

LENGTHS = (1_000, 10_000)
RUNS = 15
GETS = (
    "/",
    "/downloads/",
    "/downloads/?queued=2",
    "/downloads/queue/",
    "/models/",
    "/workflows/",
    "/storage/",
    "/admin/downloads/downloadhistory/",
    "/api/presets/queue/status",
    "/api/presets/queue/status?offset=500&limit=100",
    "/api/presets/",
    "/api/downloads/history?limit=500",
    "/api/storage",
)
VERBS = ("move?to=top", "move?to=up", "move?to=down", "move?to=bottom", "skip", "pause", "resume", "cancel", "retry")
FILL = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "comfydash.settings"
import django; django.setup()
from downloads.models import DownloadHistory, DownloadFile
count = int(sys.argv[1])
DownloadHistory.objects.all().delete()
rows = DownloadHistory.objects.bulk_create([
    DownloadHistory(preset_id=f"workflow:one-file-{i}", title=f"One file {i}", files_total=1, bytes_total=10**9,
                    position=i + 1, status="queued" if i % 10 else "waiting" if i % 20 else "paused")
    for i in range(count)
], batch_size=2000)
DownloadFile.objects.bulk_create([
    DownloadFile(download=row, path=f"loras/{row.pk}.safetensors", url="https://huggingface.co/o/r/resolve/main/x",
                 bytes_total=10**9)
    for row in rows
], batch_size=5000)
print(rows[count // 2 + 1].pk)
"""


def main() -> None:
    lengths = [int(argument) for argument in sys.argv[1:]] or list(LENGTHS)
    with dashboard("--no-worker", COMFYDASH_PASSWORD="bench-password-1") as dash:
        browser = log_in(dash)
        for length in lengths:
            filled = subprocess.run(
                [sys.executable, "-c", FILL, str(length)],
                cwd=ROOT,
                env=dash.environment,
                check=True,
                capture_output=True,
                text=True,
            )
            measure(dash, browser, length, int(filled.stdout.split()[-1]))


def measure(dash: Dashboard, browser: requests.Session, length: int, row: int) -> None:
    script, lines = dash.session(), []
    for path in GETS:
        who = script if path.startswith("/api/") else browser
        lines.append(_timed(f"GET {path}", partial(who.get, dash.url + path, timeout=60)))
    for verb in VERBS:
        runs = 1 if verb in {"pause", "resume", "cancel", "retry"} else RUNS
        call = partial(script.post, f"{dash.url}/api/downloads/{row}/{verb}", timeout=60)
        lines.append(_timed(f"POST {verb}", call, runs))
    head = ("call", "status", "p50", "p95", "bytes")
    table(f"{length:,} installs in the queue (targets 100 ms, 300 kB)", head, lines)


def _timed(name: str, call: Callable[[], requests.Response], runs: int = RUNS) -> tuple[object, ...]:
    times = []
    for number in range(runs + 2 * (runs > 1)):
        begun = time.perf_counter()
        answer = call()
        if number >= 2 or runs == 1:
            times.append((time.perf_counter() - begun) * 1000)
    return (
        name,
        answer.status_code,
        f"{percentile(times, 0.5):.0f} ms",
        f"{percentile(times, 0.95):.0f} ms",
        len(answer.content),
    )


if __name__ == "__main__":
    main()
