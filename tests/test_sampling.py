"""A sample is drawn once for all processes of a run, and the same again by its seed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_imports import ROOT

SUITES = (
    "tests/crash/test_matrix.py",
    "tests/downloads/transfer/stories/test_odd_servers.py",
    "tests/crash/test_replace.py",
)
SUITE = """
import pytest

@pytest.mark.sampled(3)
@pytest.mark.parametrize("number", range(40))
def test_few_of_many(number):
    pass

@pytest.mark.sampled(1, each="act")
@pytest.mark.parametrize("number", range(40))
@pytest.mark.parametrize("act", [print, len])
def test_one_of_each(act, number):
    pass

@pytest.mark.sampled(1, of="stories")
def test_a_story():
    pass

@pytest.mark.sampled(1, of="stories")
@pytest.mark.parametrize("number", range(3))
def test_a_story_with_cases(number):
    pass

@pytest.mark.parametrize("number", range(5))
def test_all_of_them(number):
    pass
"""


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    environment = os.environ | variables
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "test_suite.py").write_text(SUITE)
    return tmp_path


def collected(suite: Path, *arguments: str) -> dict[str, list[str]]:
    """The cases by the name of their test."""
    alone = ("-p", "tests.sampling", "--rootdir", str(suite), "-c", "/dev/null", "--collect-only", "-q", str(suite))
    told = run(*alone, *arguments, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1").stdout
    found = re.findall(r"::(\w+)(\[.*\])?$", told, re.M)
    return {name: [case for of, case in found if of == name] for name, _ in found}


def test_processes_beside_each_other_collect_the_same() -> None:
    """xdist ends a run in which they do not, so a selection that holds nothing is enough to see it."""
    ended = run("-n", "2", "-k", "no_test_has_this_name", *SUITES)
    assert ended.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, ended.stdout


def test_a_seed_draws_the_same_again_and_another_one_others(suite: Path) -> None:
    first = collected(suite, "--seed", "1")
    numbers = {name: len(cases) for name, cases in first.items()}
    assert sum(numbers.pop(name, 0) for name in ("test_a_story", "test_a_story_with_cases")) == 1
    assert numbers == {"test_few_of_many": 3, "test_one_of_each": 2, "test_all_of_them": 5}
    assert first == collected(suite, "--seed", "1")
    assert first != collected(suite, "--seed", "2")


def test_the_whole_is_every_case(suite: Path) -> None:
    assert {name: len(cases) for name, cases in collected(suite, "--whole").items()} == {
        "test_few_of_many": 40,
        "test_one_of_each": 80,
        "test_a_story": 1,
        "test_a_story_with_cases": 3,
        "test_all_of_them": 5,
    }
