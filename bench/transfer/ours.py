"""One transfer by ComfyDash's engine, timed without the start of the interpreter. Prints seconds."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from downloads.transfer import Options, Wanted, fetch


def main() -> None:
    hub, url, folder, connections = sys.argv[1:5]
    options = Options(hub_endpoint=hub, allow_private_hosts=True, connections=int(connections), retry_base=0.5)
    started = time.monotonic()
    fetch(Wanted(url, Path(folder), "model.safetensors", replace=True), options, lambda progress: True)
    print(time.monotonic() - started)


if __name__ == "__main__":
    main()
