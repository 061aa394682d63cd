"""All measurements one after the other, or the ones named.

python -m bench [dashboard] [queue] [wake_up] [crowd] [postgresql] [ui] [transfer] [workflows] [comfyui] [soak]
"""

from __future__ import annotations

import runpy
import sys

ALL = ("dashboard", "queue", "wake_up", "crowd", "postgresql", "ui", "transfer", "workflows", "comfyui", "soak")


def main() -> int:
    chosen = sys.argv[1:] or list(ALL)
    if unknown := set(chosen) - set(ALL):
        print(f"There is no measurement {', '.join(sorted(unknown))}. There are: {', '.join(ALL)}.")
        return 2
    for name in chosen:
        print(f"\n# {name}", flush=True)
        sys.argv = [f"bench.{name}"]
        try:
            runpy.run_module(f"bench.{name}", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            if end.code:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
