"""A Hub that nginx plays, over http and https at once, with an authority of its own: facts by a redirect, bytes by
sendfile. Where there is no nginx, the fake Hub of the tests speaks both, which is slower than what it serves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from bench.machine import ROOT, free_port
from bench.transfer.clients import NAME
from tests.certificates import make_authority, make_certificate
from tests.fakehub.content import Generated

REPOSITORY = "bench/models"
COMMIT = "5f3c1d2ab4e60789c0ffee0123456789abcdef01"
BLOCK = 8 << 20
NGINX = "/usr/sbin/nginx"
CONFIGURATION = """
user root;
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  sendfile on;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  types {{ }}
  default_type application/octet-stream;
  server {{
    listen 127.0.0.1:{http};
    listen 127.0.0.1:{https} ssl;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    location /cdn/ {{ alias {folder}/files/; }}
    location = /{repository}/resolve/main/{name} {{
      add_header X-Repo-Commit "{commit}" always;
      add_header X-Linked-Size "{size}" always;
      add_header X-Linked-ETag '"{sha256}"' always;
      return 302 $scheme://127.0.0.1:$server_port/cdn/{name};
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Origin:
    """``hubs`` are the addresses by scheme; ``ca`` is the file of the authority."""

    hubs: dict[str, str]
    ca: Path
    size: int
    sha256: str

    def file(self, scheme: str) -> str:
        return f"{self.hubs[scheme]}/{REPOSITORY}/resolve/main/{NAME}"


@contextmanager
def origin(folder: Path, size: int) -> Iterator[Origin]:
    """Serves one generated model of `size` bytes, which lies in the folder."""
    ca, certificate = make_authority(folder), make_certificate(folder)
    if not Path(NGINX).exists():
        print("nginx: not installed, so a server of Python's sets the limits")
        with _fake_hubs(certificate, size) as (hubs, sha256):
            yield Origin(hubs, ca, size, sha256)
        return
    sha256 = _write_model(folder / "files" / NAME, size)
    ports = {"http": free_port(), "https": free_port()}
    facts = {"repository": REPOSITORY, "name": NAME, "commit": COMMIT, "size": size, "sha256": sha256}
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, **ports, **facts))
    server = subprocess.Popen([NGINX, "-p", folder, "-c", folder / "nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        hubs = {scheme: f"{scheme}://127.0.0.1:{port}" for scheme, port in ports.items()}
        _wait_for(hubs["http"], server)
        yield Origin(hubs, ca, size, sha256)
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder / "files")


def _write_model(file: Path, size: int) -> str:
    content = Generated(size)
    file.parent.mkdir()
    with file.open("wb") as target:
        for start in range(0, size, BLOCK):
            target.write(content.read(start, min(size, start + BLOCK)))
    return content.sha256


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(500):
            if server.poll() is not None:
                raise RuntimeError(f"nginx ended with {server.returncode}")
            try:
                session.get(url, timeout=5)
            except requests.ConnectionError:
                time.sleep(0.02)
            else:
                return
    raise RuntimeError("nginx does not answer")


@contextmanager
def _fake_hubs(certificate: Path, size: int) -> Iterator[tuple[dict[str, str], str]]:
    file = ["--file", f"{REPOSITORY}:{NAME}:{size}"]
    with ExitStack() as stack:
        hubs = {}
        for scheme, more in (("http", []), ("https", ["--tls", str(certificate)])):
            command = [sys.executable, "-m", "tests.fakehub", *file, *more]
            hub = stack.enter_context(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE))
            stack.callback(hub.terminate)
            assert hub.stdout
            hubs[scheme] = str(json.loads(hub.stdout.readline())["url"])
        yield hubs, Generated(size).sha256
