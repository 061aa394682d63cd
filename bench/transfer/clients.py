"""The clients that are compared, each a command of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
NAME = "model.safetensors"


@dataclass(frozen=True)
class Client:
    """command takes the server's address, the repository's file URL and a folder; the file is NAME in it.

    verifies: it compares SHA-256 itself. Otherwise OpenSSL hashes afterwards and is counted.
    timed: it prints its seconds itself (a program that starts an interpreter first would pay for that).
    """

    name: str
    command: list[str]
    verifies: bool = False
    timed: bool = False
    resumes: bool = True

    def filled_in(self, hub: str, url: str, folder: Path) -> list[str]:
        fields = {"hub": hub, "url": url, "folder": str(folder), "out": str(folder / NAME)}
        return [part.format(**fields) for part in self.command]


def clients(bench_python: str, connections: tuple[int, ...]) -> list[Client]:
    """Every client that is installed here; says which are not."""
    found = [
        *_curl(),
        *_wget(),
        *_aria2c(),
        *_python(bench_python, "huggingface_hub", "hub_client.py", "huggingface_hub"),
        *_python(bench_python, "aiohttp", "aiohttp_client.py", "aiohttp, 8 KB"),
    ]
    ours = [sys.executable, str(HERE / "ours.py"), "{hub}", "{url}", "{folder}"]
    return found + [Client(f"ours, {n}", [*ours, str(n)], verifies=True, timed=True) for n in connections]


def _curl() -> list[Client]:
    retry = ["--retry", "99", "--retry-all-errors", "--retry-delay", "1", "-C", "-"]
    return [Client("curl", ["curl", "-sSL", *retry, "-o", "{out}", "{url}"])] if _has("curl") else []


def _wget() -> list[Client]:
    return [Client("wget", ["wget", "-q", "-c", "-O", "{out}", "{url}"])] if _has("wget") else []


def _aria2c() -> list[Client]:
    if not _has("aria2c"):
        return []
    flags = [
        "-q",
        "-c",
        "--allow-overwrite=true",
        "--auto-file-renaming=false",
        "-k",
        "1M",
        "--file-allocation=falloc",
        "--auto-save-interval=1",
    ]
    return [
        Client(f"aria2c -x{n}", ["aria2c", *flags, f"-x{n}", f"-s{n}", "-d", "{folder}", "-o", NAME, "{url}"])
        for n in (8, 16)
    ]


def _python(python: str, module: str, script: str, name: str) -> list[Client]:
    if not has_module(python, module):
        return []
    return [Client(name, [python, str(HERE / script), "{hub}", "{url}", "{folder}"], timed=True, resumes=False)]


def has_module(python: str, module: str) -> bool:
    """Says where it is not."""
    if python and not subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode:
        return True
    print(f"{module}: left out, it is not installed in {python or '(--bench-python was not given)'}")
    return False


def _has(program: str) -> bool:
    if shutil.which(program):
        return True
    print(f"{program}: left out, it is not installed")
    return False
