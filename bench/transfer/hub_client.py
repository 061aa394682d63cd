"""huggingface_hub's own download, without Xet (the fake Hub has none). Prints seconds."""

from __future__ import annotations

import os
import sys
import time

hub, url, folder = sys.argv[1:4]
os.environ |= {
    # Another name than the CDN's: it follows redirects within one host, and there the Hub's headers are missing.
    "HF_ENDPOINT": hub.replace("127.0.0.1", "localhost"),
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HOME": folder + "/.hf",
}

from huggingface_hub import hf_hub_download  # type: ignore[import-not-found,unused-ignore]  # noqa: E402

started = time.monotonic()
repository, _, path = url.removeprefix(hub + "/").partition("/resolve/main/")
hf_hub_download(repository, path, local_dir=folder)
print(time.monotonic() - started)
