"""What was aimed at, what came out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

NOTHING = float("nan")


@dataclass(frozen=True)
class Target:
    """most: the value that meets it. case and connections: whose profile is of interest when it is missed."""

    what: str
    value: float
    most: float
    case: str
    connections: str

    @property
    def is_missed(self) -> bool:
        return self.value > self.most


def say_targets(results: dict[str, dict[str, float]]) -> list[tuple[str, str]]:
    """Print each; case and connections of those that were missed, each case once."""
    print("targets")
    missed: dict[str, str] = {}
    for target in _targets(results):
        verdict = "missed" if target.is_missed else "met" if target.value <= target.most else "not measured"
        print(f"  {target.what:58}{target.value:8.2f}  at most {target.most:<5g} {verdict}")
        if target.is_missed and target.case != "kill":
            missed.setdefault(target.case, target.connections)
    return list(missed.items())


def _targets(results: dict[str, dict[str, float]]) -> Iterator[Target]:
    def of(case: str, name: str) -> float:
        return results.get(case, {}).get(name, NOTHING)

    free = results.get("free", {})
    ours = {name: value for name, value in free.items() if name.startswith("ours")}
    quickest = min(ours, key=lambda name: ours[name], default="ours, 1")
    limit = max(free.get("SHA-256, one thread", NOTHING), free.get("loopback", NOTHING))
    others = min(
        (value for name, value in free.items() if name.startswith(("curl", "wget", "aria", "hugg", "aio"))),
        default=NOTHING,
    )
    best = quickest.removeprefix("ours, ")
    yield Target("no limit: of max(network, SHA-256)", of("free", quickest) / limit, 1.15, "free", best)
    yield Target("no limit: of the best other, verified", of("free", quickest) / others, 1, "free", best)
    for what, case, connections, other, most in (
        ("25 MB/s each, ours 8: of aria2c -x8", "each", "8", of("each", "aria2c -x8"), 0.8),
        ("25 MB/s each, ours 16: of aria2c -x16", "each", "16", of("each", "aria2c -x16"), 1),
        ("110 MB/s, 50 ms, ours 8: of aria2c -x8", "line", "8", of("line", "aria2c -x8"), 0.85),
        ("drops, ours 8: of the undisturbed time", "drop", "8", of("calm", "ours, 8"), 1.1),
    ):
        yield Target(what, of(case, f"ours, {connections}") / other, most, case, connections)
    yield Target("kill at half, ours 8: MB fetched again", of("kill", "ours, 8"), 16, "kill", "8")
