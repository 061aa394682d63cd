"""The unlock planner: which downloads make the most workflows ready within a number of bytes?

A knapsack whose items are shared: a file counts once however many workflows need it. The exact answer takes
exponential time, so this is a greedy choice by workflows per byte, with the best single step as a check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from downloads.inventory.free_space import usable_bytes
from downloads.queue import Outcome, are_gated, ask_for
from extension_points import WantedFile
from values.sizes import human_size
from workflows.install import CannotInstall
from workflows.matching import ModelState
from workflows.readiness import Entry, entries

PLAN_ID = "workflow:plan"


@dataclass(frozen=True)
class Download:
    """A file to fetch. ``size_bytes`` may be a guess, ``exact`` says so."""

    state: ModelState
    size_bytes: int
    exact: bool
    unlocks: int  # workflows of the plan that need it


@dataclass(frozen=True)
class Plan:
    """``unlocks`` become ready when all ``downloads`` are here; ``left_out`` could not be planned: no size is known."""

    budget: int
    downloads: tuple[Download, ...]
    unlocks: tuple[Entry, ...]
    left_out: int

    @property
    def bytes(self) -> int:
        return sum(download.size_bytes for download in self.downloads)


def plan(budget: int) -> Plan:
    """What to fetch with ``budget`` bytes, over all workflows that lack only files with a known address and host."""
    candidates = [e for e in entries().values() if e.installable and not e.unknown_hosts]
    sized = [e for e in candidates if all(e.bytes_of(state) > 0 for state in e.to_fetch)]
    states: dict[str, ModelState] = {}
    sizes: dict[str, int] = {}
    for entry in sized:
        for state in entry.to_fetch:
            states.setdefault(state.path, state)
            sizes[state.path] = max(sizes.get(state.path, 0), entry.bytes_of(state))
    needs = {entry.id: frozenset(state.path for state in entry.to_fetch) for entry in sized}
    chosen = choose(needs, sizes, budget)
    unlocked = tuple(entry for entry in sized if needs[entry.id] <= chosen)
    downloads = [
        Download(
            states[path],
            sizes[path],
            states[path].size_bytes is not None,
            sum(path in needs[entry.id] for entry in unlocked),
        )
        for path in chosen
    ]
    downloads.sort(key=lambda download: (-download.unlocks, download.size_bytes, download.state.path))
    return Plan(budget, tuple(downloads), unlocked, len(candidates) - len(sized))


def default_budget() -> int:
    """Bytes that installs may still take: what is free minus the reserve."""
    return max(0, usable_bytes())


def install(budget: int) -> Outcome:
    """Queue the plan as one install. Raises TransferError before anything is stored, CannotInstall when it is empty."""
    planned = plan(budget)
    if not planned.downloads:
        raise CannotInstall(f"No workflow becomes ready with {human_size(budget)}. Give the plan more room.")
    files = [
        WantedFile(download.state.path, provider.url, provider.size_bytes)
        for download in planned.downloads
        if (provider := download.state.provider)
    ]
    count = len(planned.unlocks)
    title = f"Unlock {count} workflow{'' if count == 1 else 's'}"
    return ask_for(PLAN_ID, title, files, gated=are_gated(files), counted=True)


def choose(needs: Mapping[str, frozenset[str]], sizes: Mapping[str, int], budget: int) -> frozenset[str]:
    """Items within the budget that complete many of the sets in ``needs``.

    Sets are bit masks, and equal ones are counted together: hundreds of workflows take milliseconds.
    """
    bits = {item: 1 << number for number, item in enumerate(sorted(sizes))}
    weight = {bit: sizes[item] for item, bit in bits.items()}
    groups: dict[int, int] = {}
    for items in needs.values():
        mask = sum(bits[item] for item in items)
        groups[mask] = groups.get(mask, 0) + 1
    if sum(sizes.values()) <= budget:
        return frozenset(sizes)
    starts = [0, *_best_singles(groups, weight, budget)]
    grown = (_grow(groups, weight, budget, start) for start in starts)
    best = max(grown, key=lambda mask: (_completed(groups, mask), -_bytes(weight, mask)))
    return frozenset(item for item, bit in bits.items() if best & bit)


def _grow(groups: Mapping[int, int], weight: Mapping[int, int], budget: int, chosen: int) -> int:
    """Add, again and again, the set that completes the most workflows per byte and still fits."""
    left = budget - _bytes(weight, chosen)
    while True:
        rest: dict[int, int] = {}  # what each open set still lacks → how many workflows lack just that
        for mask, count in groups.items():
            if lacking := mask & ~chosen:
                rest[lacking] = rest.get(lacking, 0) + count
        fitting = {mask: size for mask in rest if (size := _bytes(weight, mask)) <= left}
        if not fitting:
            return chosen
        gains = {mask: sum([rest[other] for other in fitting if other & mask == other]) for mask in fitting}
        best = max(fitting, key=lambda mask: (gains[mask] / max(1, fitting[mask]), gains[mask]))
        left -= fitting[best]
        chosen |= best


def _best_singles(groups: Mapping[int, int], weight: Mapping[int, int], budget: int, count: int = 2) -> list[int]:
    """Other first steps: greed by ratio may spend the budget before one large file that many need."""
    fitting = [mask for mask in groups if _bytes(weight, mask) <= budget]
    return sorted(fitting, key=lambda mask: -_completed(groups, mask))[:count]


def _completed(groups: Mapping[int, int], chosen: int) -> int:
    return sum(count for mask, count in groups.items() if not mask & ~chosen)


def _bytes(weight: Mapping[int, int], mask: int) -> int:
    total = 0
    while mask:
        bit = mask & -mask
        total += weight[bit]
        mask ^= bit
    return total
