"""Of suites that are slow, a run takes a sample: another one each time, and the same again with ``--seed``.

``@pytest.mark.sampled(3)`` takes three cases of a parametrized test, ``sampled(1, each="moment")`` one of each moment,
and ``sampled(3, of="takeover")`` three of all tests that say so.
``--whole`` takes all of them, and so does naming a case on the command line.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import core


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="take the sample of the run that printed this seed")
    parser.addoption("--whole", action="store_true", help="take every case of the suites that are sampled")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "sampled(number, each='', of=''): so many of its cases, of each value, of a group"
    )
    if (given := getattr(config, "workerinput", None)) is not None:  # a process of xdist draws as the first one does
        config.option.seed, config.option.whole = given["seed"], given["whole"]
    elif config.option.seed is None:
        config.option.seed = random.SystemRandom().randrange(10**6)
    core.global_force_seed = config.option.seed  # what Hypothesis draws is drawn again too


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput |= {"seed": node.config.option.seed, "whole": node.config.option.whole}


def pytest_report_header(config: pytest.Config) -> str:
    return f"sampled with --seed {config.option.seed}" if not config.option.whole else "every case of each suite"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.whole or any("[" in argument for argument in config.args):
        return
    kept = {id(item) for item in sample(items, config.option.seed)}
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in kept])
    items[:] = [item for item in items if id(item) in kept]


def sample(items: list[pytest.Item], seed: int) -> list[pytest.Item]:
    """The items without a mark, and of those with one what the seed draws."""
    taken, groups = [], defaultdict(list)
    for item in items:
        mark = item.get_closest_marker("sampled")
        if mark is None:
            taken.append(item)
        else:
            name = mark.kwargs.get("of") or item.nodeid.partition("[")[0]
            groups[name, _value(item, mark.kwargs.get("each", "")), mark.args[0]].append(item)
    for (name, value, number), cases in groups.items():
        dice = random.Random(f"{seed} {name} {value}")
        taken += dice.sample(cases, min(number, len(cases)))
    return taken


def _value(item: pytest.Item, parameter: str) -> str:
    """The same in each process: functions are shown with their place in memory, which is not."""
    if not parameter:
        return ""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(item.callspec.params[parameter]))  # type: ignore[attr-defined]
