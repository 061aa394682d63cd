"""A sample is drawn once for all processes of a run, and the same again by its seed."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.test_imports import ROOT

SAMPLED = (
    "tests/crash/test_matrix.py",
    "tests/downloads/transfer/stories/test_odd_servers.py",
    "tests/crash/test_replace.py",
)


def collected(*arguments: str) -> str:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *SAMPLED, *arguments]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    return "\n".join(re.findall(r"^tests/crash/test_matrix\S.*\[.*$", found.stdout, re.M))


@pytest.mark.parametrize("arguments", [(), ("--whole",)], ids=["a sample", "the whole"])
def test_processes_beside_each_other_collect_the_same(arguments: tuple[str, ...]) -> None:
    """xdist ends a run in which they do not, so a selection that holds nothing is enough to see it."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "2",
        "-k",
        "no_test_has_this_name",
        "-p",
        "no:cacheprovider",
        *SAMPLED,
    ]
    run = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, run.stdout


def test_a_seed_draws_the_same_again_and_another_one_others() -> None:
    first = collected("--seed", "1")
    assert first
    assert first == collected("--seed", "1")
    assert first != collected("--seed", "2")


def test_the_whole_is_more_than_a_sample() -> None:
    assert len(collected("--whole").splitlines()) > len(collected("--seed", "1").splitlines())
