"""Run the fake Hub by itself, with a few models to install."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from tests.certificates import serving_context
from tests.fakehub import FakeHub

UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def size(text: str) -> int:
    number = text.upper().rstrip("KMGB")
    return int(float(number) * UNITS[text.upper()[len(number) :]])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakehub", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cdn-port", type=int, default=0)
    parser.add_argument("--speed", type=size, default=0, help="of each connection, for example 20MB")
    parser.add_argument("--total-speed", type=size, default=0, help="of all connections together")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--control", action="store_true", help="POST /__control__ takes orders (see control.py)")
    parser.add_argument("--file", action="append", default=[], metavar="REPO:PATH:SIZE", help="a generated model")
    parser.add_argument("--serve", action="append", default=[], metavar="REPO:PATH:FILE", help="a file of this disk")
    parser.add_argument("--tls", type=Path, help="speak https: a certificate with its .key beside it")
    options = parser.parse_args()
    hub = FakeHub(
        options.port,
        options.cdn_port,
        speed=options.speed,
        total_speed=options.total_speed,
        latency=options.latency,
        tls=serving_context(options.tls) if options.tls else None,
    )
    hub.control = options.control
    with hub:
        for spec in options.file:
            repo, path, length = spec.split(":")
            hub.add_file(repo, path, size=size(length))
        for spec in options.serve:
            repo, path, source = spec.split(":")
            hub.add_file(repo, path, source=Path(source))
        print(json.dumps({"url": hub.url, "cdn_url": hub.cdn_url}), flush=True)
        over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: over.set())
        over.wait()
    sys.exit(0)


if __name__ == "__main__":
    main()
