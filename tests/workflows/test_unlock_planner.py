"""The planner: good choices, compared with the exact answer where that can be had."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from downloads.models import DownloadHistory
from tests.workflows.make import HUB
from tests.workflows.put import loader, put_workflow, remote
from workflows.unlock_planner import choose, install, plan

Needs = dict[str, frozenset[str]]


def completed(needs: Needs, items: frozenset[str]) -> int:
    return sum(need <= items for need in needs.values())


def exact(needs: Needs, sizes: dict[str, int], budget: int) -> int:
    """The largest number that any choice of items within the budget completes."""
    items = list(sizes)
    choices = (frozenset(c) for count in range(len(items) + 1) for c in combinations(items, count))
    return max(completed(needs, choice) for choice in choices if sum(sizes[item] for item in choice) <= budget)


def test_shared_files_count_once() -> None:
    needs = {"a": frozenset("xy"), "b": frozenset("xz"), "c": frozenset("w")}
    assert choose(needs, {"x": 10, "y": 1, "z": 1, "w": 9}, 12) == frozenset("xyz")


def test_one_large_file_that_many_need_beats_small_ones() -> None:
    needs = {**{f"big{n}": frozenset({"big"}) for n in range(3)}, "s": frozenset("s"), "t": frozenset("t")}
    assert choose(needs, {"big": 100, "s": 1, "t": 1}, 100) == frozenset({"big"})


def test_everything_is_taken_when_everything_fits() -> None:
    assert choose({"a": frozenset("x")}, {"x": 5}, 5) == frozenset("x")
    assert choose({"a": frozenset("x")}, {"x": 5}, 4) == frozenset()
    assert choose({}, {}, 0) == frozenset()


def test_small_cases_come_close_to_the_exact_answer() -> None:
    chance = random.Random(7)
    ratios = []
    for _ in range(150):
        items = [f"i{n}" for n in range(9)]
        sizes = {item: chance.randint(1, 30) for item in items}
        needs = {f"w{n}": frozenset(chance.sample(items, chance.randint(1, 4))) for n in range(10)}
        budget = chance.randint(5, 120)
        chosen = choose(needs, sizes, budget)
        assert sum(sizes[item] for item in chosen) <= budget
        best = exact(needs, sizes, budget)
        ratios.append(completed(needs, chosen) / best if best else 1.0)
    assert sum(ratios) / len(ratios) > 0.95
    assert min(ratios) >= 0.5


@pytest.mark.django_db
@pytest.mark.usefixtures("workspace")
def test_a_plan_names_downloads_what_they_unlock_and_their_sum() -> None:
    for name, size in (("a.safetensors", 60), ("b.safetensors", 30), ("c.safetensors", 500)):
        remote(f"{HUB}/checkpoints/{name}", size=size)
    put_workflow("one.json", loader("a.safetensors"))
    put_workflow("two.json", loader("a.safetensors"), loader("b.safetensors", id=2))
    put_workflow("three.json", loader("c.safetensors"))
    put_workflow("four.json", loader("size-unknown.safetensors"))

    found = plan(100)

    assert [(d.state.path, d.size_bytes, d.exact, d.unlocks) for d in found.downloads] == [
        ("checkpoints/a.safetensors", 60, True, 2),
        ("checkpoints/b.safetensors", 30, True, 1),
    ]
    assert (found.bytes, {entry.id for entry in found.unlocks}, found.left_out) == (
        90,
        {"local:one.json", "local:two.json"},
        1,
    )
    outcome = install(100)
    assert outcome.message == "Unlock 2 workflows: 2 files queued."
    assert install(100).status == "already_queued"
    assert DownloadHistory.objects.get().preset_id == "workflow:plan"


@pytest.mark.django_db
@pytest.mark.usefixtures("templates")
def test_more_room_never_unlocks_fewer_templates() -> None:
    counts = [len(plan(budget * 10**9).unlocks) for budget in (0, 10, 50, 100, 100_000)]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] > 200
