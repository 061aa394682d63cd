from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from presets.catalogue import Preset, catalogue
from presets.states import PresetState, describe, preset_states
from values.sizes import human_size


class Command(BaseCommand):
    help = "List the catalogue with the state of each preset."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("words", nargs="*", help="only presets that contain all of these words")
        parser.add_argument("--status", help="only this state, like installed or available")
        parser.add_argument("--json", action="store_true", help="print a JSON list of presets as the API shows them")

    def handle(self, *args: Any, words: list[str], status: str | None, **options: Any) -> None:
        listing = catalogue()
        presets = [preset for preset in listing.presets.values() if preset.answers(" ".join(words))]
        states = preset_states(presets)
        shown = [preset for preset in presets if status in {None, states[preset.id].status}]
        if options["json"]:
            rows = [describe(preset, states[preset.id]) for preset in shown]
            self.stdout.write(json.dumps(rows, indent=1, ensure_ascii=False))
            return
        widest = max((len(preset.id) for preset in shown), default=0)
        lines = [_line(preset, states[preset.id], widest) for preset in shown]
        self.stdout.write("\n".join(lines))  # at once: a reader like head may leave in the middle
        for problem in listing.problems:
            self.stderr.write(problem)


def _line(preset: Preset, state: PresetState, widest: int) -> str:
    size = human_size(state.size_bytes) if state.size_bytes else "?"
    return f"{preset.id:{widest}}  {state.status:11}  {size:>8}  {preset.name}"
