"""No test asserts how long something took: work is bounded by counting it (``tests/counting.py``), order by gates."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.test_imports import ROOT

CLOCKS = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "process_time_ns"}
FILES = [str(file.relative_to(ROOT)) for file in sorted((ROOT / "tests").rglob("*.py"))]


def asks_a_clock(node: ast.AST) -> bool:
    """Also a difference to ``time.time()``; alone it is a date."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and ast.unparse(part.func).rpartition(".")[2] in CLOCKS:
            return True
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub) and ast.unparse(part.left) == "time.time()":
            return not isinstance(part.right, ast.Constant)
    return False


def clock_asserts(source: str) -> Iterator[int]:
    """Lines of asserts on a clock, or on a name that was computed from one in the same function."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes = list(ast.walk(function))
            measured = {
                ast.unparse(target)
                for node in nodes
                if isinstance(node, ast.Assign) and asks_a_clock(node.value)
                for target in node.targets
            }
            for node in nodes:
                if isinstance(node, ast.Assert):
                    names = {ast.unparse(part) for part in ast.walk(node.test) if isinstance(part, ast.expr)}
                    if asks_a_clock(node.test) or names & measured:
                        yield node.lineno


@pytest.mark.parametrize("file", FILES)
def test_nothing_asserts_wall_time(file: str) -> None:
    assert list(clock_asserts((ROOT / file).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("def test():\n    begun = time.monotonic()\n    assert time.monotonic() - begun < 1", [3]),
        ("def test():\n    begun = perf_counter()\n    took = perf_counter() - begun\n    assert took < 1", [4]),
        ("def test():\n    assert time.time() - begun < 1", [2]),
        ("def test():\n    old = time.time() - 60\n    assert age(old) == 60", []),
        ("def test(clock):\n    assert clock.now == 1", []),
    ],
)
def test_a_clock_in_an_assert_is_seen(source: str, lines: list[int]) -> None:
    found = list(clock_asserts(source))
    assert found == lines
