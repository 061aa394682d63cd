"""Processes on a volume that refuses calls: a library put in front of the C library, compiled when a test needs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@cache
def _library() -> str:
    """Its path, or why there is none."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler or not sys.platform.startswith("linux"):
        return ""
    place = Path(tempfile.mkdtemp(prefix="refusing-")) / "refusing.so"
    source = Path(__file__).with_name("refusing.c")
    made = subprocess.run([compiler, "-shared", "-fPIC", "-o", place, source, "-ldl"], capture_output=True, check=False)
    return str(place) if made.returncode == 0 else ""


def refusing(**codes: int) -> dict[str, str]:
    """Environment of a process: ``refusing(flock=errno.ENOLCK)``. Skips where there is no compiler."""
    if not _library():
        pytest.skip("there is no C compiler here to make a volume that refuses calls")
    return {"LD_PRELOAD": _library()} | {f"REFUSE_{call}": str(code) for call, code in codes.items()}


def start(program: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(program: str, *arguments: object, **environment: str) -> str:
    process = start(program, *arguments, **environment)
    output, _ = process.communicate(timeout=90)
    assert process.returncode == 0
    return output.strip()
