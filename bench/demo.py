"""The dashboard against a fake Hub with small files: everything can be tried, offline, in a minute.

    python -m bench.demo [--port 8082] [--speed 12MB] [--workspace build/demo]

Every address of the catalogue answers with a generated model of a few MB. FLUX.1 repositories are gated: the token
hf_demo_demo_demo_demo has accepted their licence.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.machine import ROOT
from tests.fakehub import FakeHub
from values.sizes import parse_size

TOKEN = "hf_demo_demo_demo_demo"
GATED = "black-forest-labs/"
URLS = """
import os, json
os.environ["DJANGO_SETTINGS_MODULE"] = "comfydash.settings"
import django; django.setup()
from presets.catalogue import catalogue
print(json.dumps([file.url for preset in catalogue().presets.values() for file in preset.files]))
"""
RESOLVE = re.compile(r"https://(?:huggingface\.co|hf\.co)/([^/]+/[^/]+)/(?:resolve|blob)/[^/]+/(.+?)(?:\?.*)?$")


def environment(hub: FakeHub, workspace: Path, **more: str) -> dict[str, str]:
    """Variables for a dashboard whose Hub is the fake one and whose workspace is a folder of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("COMFYDASH_", "HF_"))}
    return clean | {
        "COMFYDASH_WORKSPACE": str(workspace),
        "COMFYDASH_ALLOW_PRIVATE_HOSTS": "on",
        "HF_ENDPOINT": hub.url,
        "NO_PROXY": "*",
        **more,
    }


def fill(hub: FakeHub, variables: Mapping[str, str]) -> int:
    """Give the Hub a small file for every address of the catalogue; their number."""
    command = [sys.executable, "-c", URLS]
    listed = subprocess.run(command, cwd=ROOT, env=dict(variables), check=True, stdout=subprocess.PIPE, text=True)
    urls = set(json.loads(listed.stdout))
    count = 0
    for url in sorted(urls):
        if found := RESOLVE.match(url):
            repo, path = found.groups()
            weight = zlib.crc32(url.encode()) % 40 + 2  # 2 to 41 MB, the same on each start
            hub.add_file(repo, path, size=weight * 1_000_000, seed=weight, gated=repo.startswith(GATED))
            count += 1
    hub.token(TOKEN, name="demo", accepted={repo for repo in hub.repos if repo.startswith(GATED)})
    return count


@contextmanager
def demo_hub(workspace: Path, speed: int, **more: str) -> Iterator[tuple[FakeHub, dict[str, str]]]:
    """A filled Hub and the variables that point a dashboard at it."""
    with FakeHub(total_speed=speed) as hub:
        variables = environment(hub, workspace, **more)
        fill(hub, variables)
        yield hub, variables


def main() -> int:
    parser = argparse.ArgumentParser(description="Try the dashboard offline.")
    parser.add_argument("--port", default="8082")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--speed", default="12MB", help="of the fake Hub, per second")
    parser.add_argument("--workspace", type=Path, default=ROOT / "build" / "demo")
    options = parser.parse_args()
    options.workspace.mkdir(parents=True, exist_ok=True)
    with demo_hub(options.workspace.resolve(), parse_size(options.speed)) as (_, variables):
        print(f"A fake Hub with small files is running. Gated ones want the token {TOKEN}")
        command = [sys.executable, "manage.py", "serve", "--host", options.host, "--port", options.port]
        server = subprocess.Popen(command, cwd=ROOT, env=variables)
        signal.signal(signal.SIGTERM, lambda *_: server.send_signal(signal.SIGTERM))
        while True:
            try:
                return server.wait()
            except KeyboardInterrupt:  # the server heard it too and is on its way out
                continue


if __name__ == "__main__":
    sys.exit(main())
