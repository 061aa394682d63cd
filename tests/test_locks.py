"""The locks hold exactly what the ranges ask for, with hashes, and whatever installs reads them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PAIRS = {"requirements.txt": "requirements.lock", "requirements-dev.txt": "requirements-dev.lock"}
PYTHONS = ("3.11", "3.12", "3.13")


def ranges(name: str) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-r")]


def locked(name: str) -> list[tuple[Requirement, str]]:
    """Each entry of a lock with the text of its hashes."""
    text = "\n".join(line for line in (ROOT / name).read_text().splitlines() if not line.startswith("#"))
    entries = re.split(r"\n(?=\S)", text.strip())
    return [(Requirement(entry.partition("\\")[0].strip()), entry.partition("\\")[2]) for entry in entries]


def versions(name: str, python: str) -> dict[str, str]:
    """What this lock installs on CPython for Linux."""
    here = {"python_version": python, "python_full_version": f"{python}.9", "sys_platform": "linux"}
    here |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    return {
        canonicalize_name(entry.name): next(iter(entry.specifier)).version
        for entry, _ in locked(name)
        if entry.marker is None or entry.marker.evaluate(here)
    }


@pytest.mark.parametrize("lock", PAIRS.values())
def test_every_entry_is_one_version_with_hashes(lock: str) -> None:
    entries = locked(lock)
    assert len(entries) > 40
    wrong = [str(entry) for entry, _ in entries if [each.operator for each in entry.specifier] != ["=="]]
    without = [str(entry) for entry, hashes in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", hashes)]
    assert (wrong, without) == ([], [])


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", PAIRS)
def test_each_range_is_locked_to_a_version_inside_it(name: str, python: str) -> None:
    found = versions(PAIRS[name], python)
    outside = [
        str(asked)
        for asked in ranges(name)
        if not asked.specifier.contains(found.get(canonicalize_name(asked.name), "0"), prereleases=True)
    ]
    assert outside == []


@pytest.mark.parametrize("python", PYTHONS)
def test_tests_run_with_the_versions_that_the_image_has(python: str) -> None:
    run, dev = versions("requirements.lock", python), versions("requirements-dev.lock", python)
    assert {name: dev.get(name) for name in run} == run


def test_no_lock_names_a_registry() -> None:
    assert [lock for lock in PAIRS.values() if "://" in (ROOT / lock).read_text()] == []


@pytest.mark.parametrize("file", ["scripts/environment", "Dockerfile"])
def test_what_installs_takes_the_locks_and_nothing_else(file: str) -> None:
    installs = [line for line in (ROOT / file).read_text().splitlines() if "pip install" in line]
    assert installs
    assert [line for line in installs if "--require-hashes" not in line] == []
