"""Many files by huggingface_hub, as its snapshot_download does: several threads. Names on stdin; prints seconds."""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

hub, repository, folder, workers = sys.argv[1:5]
os.environ |= {
    # Another name than the CDN's: it follows redirects within one host, and there the Hub's headers are missing.
    "HF_ENDPOINT": hub.replace("127.0.0.1", "localhost"),
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HOME": folder + "/.hf",
}

from huggingface_hub import hf_hub_download  # type: ignore[import-not-found,unused-ignore]  # noqa: E402


def bring(name: str) -> None:
    hf_hub_download(repository, name, local_dir=folder)


names = json.load(sys.stdin)
started = time.monotonic()
with ThreadPoolExecutor(int(workers)) as threads:
    list(threads.map(bring, names))
print(time.monotonic() - started)
