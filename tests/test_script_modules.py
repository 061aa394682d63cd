"""The script's modules: one way from main.js to each of them, no circle, and the words that Python writes too."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "static" / "comfydash"
IMPORT = re.compile(r'^import [^;]*"(?P<path>[^"]+)";$', re.MULTILINE)
MODULES = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.js")}


def imported(module: str) -> set[str]:
    return {match["path"].removeprefix("./") for match in IMPORT.finditer(MODULES[module])}


def test_no_modules_import_each_other_in_a_circle() -> None:
    order = TopologicalSorter({module: imported(module) for module in MODULES}).static_order()
    assert set(order) == set(MODULES)  # and nothing is imported that is not there


def test_main_reaches_every_module() -> None:
    reached: set[str] = set()
    waiting = ["main.js"]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting.extend(imported(module))
    assert reached == set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_in_two_lines_what_it_does(module: str) -> None:
    first, second, third, *_ = MODULES[module].splitlines()
    assert first.startswith("// ")
    assert second.startswith("// ")
    assert third == ""


@pytest.mark.parametrize("module", MODULES)
def test_imports_are_relative_so_that_one_version_of_the_address_holds_for_all(module: str) -> None:
    paths = [match["path"] for match in IMPORT.finditer(MODULES[module])]
    assert all(path.startswith("./") for path in paths)
    assert "import(" not in MODULES[module]
