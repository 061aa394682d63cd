"""Kill parts of the dashboard at random moments for a while, then look whether anything was lost, wrong or stuck.

python -m bench.soak [--seconds 60] [--seed N]
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from bench.machine import table
from tests.comfydash.serving import wait_for
from tests.crash.matrix import VICTIMS
from tests.crash.scene import SECONDS, SLOTS, Case, Scene

LONGEST_WAIT = 3.0  # seconds before a strike
TOTAL_SPEED = 8_000_000  # bytes/s, so that an install takes a while


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="no new kill after so long")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("HF_") or name.upper().endswith("_PROXY")]:
        del os.environ[name]
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="comfydash-soak-") as folder, Scene(Path(folder) / "soak") as scene:
        counts, cases = kill_for_a_while(scene, options.seconds, random.Random(options.seed))
        interrupted = bring_to_the_end(scene, cases)
        faults = scene.ledger.faults()
    table(
        f"Soak: {options.seconds:.0f} s, seed {options.seed}",
        ("what", "count"),
        [
            *sorted(counts.items()),
            ("installs", 2 * len(cases)),
            ("interrupted, completed by Retry", interrupted),
            ("lost, doubled, wrong, stuck or left over", len(faults)),
        ],
    )
    for fault in faults:
        print(fault)
    return 1 if faults else 0


def kill_for_a_while(scene: Scene, seconds: float, dice: random.Random) -> tuple[Counter[str], list[Case]]:
    """How often each victim died, and the installs that were running meanwhile."""
    counts: Counter[str] = Counter()
    cases: list[Case] = []
    scene.be_up()
    scene.hub.total_speed = TOTAL_SPEED
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and len(cases) < SLOTS:
        cases.append(scene.new_case())
        scene.ask("POST", f"/presets/{cases[-1].preset}/install")
        scene.ask("POST", f"/presets/{cases[-1].behind}/install")
        time.sleep(dice.uniform(0, LONGEST_WAIT))  # the moment is chance: that is the point
        victim = dice.choice(VICTIMS)
        scene.strike(victim.parts, victim.signal)
        counts[victim.name] += 1
        scene.be_up()
    scene.hub.total_speed = 0
    return counts, cases


def bring_to_the_end(scene: Scene, cases: list[Case]) -> int:
    """Wait for the queue, retry what was interrupted; how many that were. Rows must agree with the disk first."""
    presets = [preset for case in cases for preset in (case.preset, case.behind)]
    wait_for(lambda: all(scene.status(preset) in {"completed", "failed"} for preset in presets), SECONDS, "all ended")
    interrupted = [preset for preset in presets if scene.status(preset) == "failed"]
    for preset in interrupted:
        untrue = scene.ledger.untrue(preset)
        assert not untrue, untrue
        assert scene.ledger.newest(preset)["reason"] == "interrupted"
        scene.ask("POST", f"/presets/{preset}/retry")
    wait_for(lambda: all(scene.status(preset) == "completed" for preset in presets), SECONDS, "all completed")
    return len(interrupted)


if __name__ == "__main__":
    sys.exit(main())
