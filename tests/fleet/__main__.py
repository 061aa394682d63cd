"""The long form of the chaos, or the same one again.

python -m tests.fleet [--seed N] [--seconds 900] [--hosts]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.fleet.chaos import play


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fleet", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--hosts", action="store_true", help="each in a network namespace of its own; needs root")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="comfydash-fleet-") as folder:
        installs = max(9, round(options.seconds / 5))
        faults = play(Path(folder), options.seed, options.seconds, installs=installs, hosts=options.hosts)
    print("\n".join(faults) or "every promise was kept")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
