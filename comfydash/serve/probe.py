"""Is the part that this container runs healthy? For Docker's HEALTHCHECK: no curl, no Django, a few milliseconds.

Ends with 0 or 1; asks /healthz where pages are served, else looks at the worker's heartbeat.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from pathlib import Path

from comfydash import data_folders

ANSWER_SECONDS = 5.0  # seconds for the answer
HEARTBEAT_AGE = 60.0  # seconds; the worker beats every five


def main(data_dir: Path) -> int:
    address = served_address(data_dir / "serve-web.lock")
    healthy = answers_ok(*address) if address else beats(data_dir / "worker.heartbeat")
    sys.stdout.write("healthy\n" if healthy else "not healthy\n")
    return 0 if healthy else 1


def served_address(lock: Path) -> tuple[str, int] | None:
    """Where the web server of this very machine or container listens."""
    try:
        note = json.loads(lock.read_text())
        if note["host"] != socket.gethostname():
            return None
        host, _, port = note["address"].removeprefix("http://").rpartition(":")
        return host.strip("[]"), int(port)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def answers_ok(host: str, port: int) -> bool:
    return _asks(host, port, b"/healthz")


def is_alive(host: str, port: int) -> bool:
    """Whether a web server answers there at all; what a dead one wrote into its lock file may be long untrue."""
    return _asks(host, port, b"/livez")


def _asks(host: str, port: int, path: bytes) -> bool:
    try:
        with socket.create_connection((host, port), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.recv(32).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def beats(heartbeat: Path) -> bool:
    try:
        return abs(time.time() - heartbeat.stat().st_mtime) < HEARTBEAT_AGE
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(data_folders.data_dir()))
