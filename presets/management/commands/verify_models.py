from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.template.defaultfilters import pluralize

from presets.verify import Checked, everything_expected, record, repair, verify


class Command(BaseCommand):
    help = "Check each installed file: structure first, then SHA-256. Exit status 1 when one is bad."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--repair", action="store_true", help="fetch again what is broken, and only that")
        parser.add_argument("--json", action="store_true", help="print a JSON list")

    def handle(self, *args: Any, **options: Any) -> None:
        checked = list(self._check(quiet=options["json"]))
        if options["json"]:
            rows = [{"path": one.expected.path, "status": one.verdict, "message": one.sentence} for one in checked]
            self.stdout.write(json.dumps(rows, indent=1, ensure_ascii=False))
        else:
            counts = Counter(one.verdict for one in checked)
            listed = ", ".join(f"{counts[verdict]} {verdict}" for verdict in sorted(counts)) or "nothing to check"
            self.stdout.write(f"{len(checked)} file{pluralize(checked)}: {listed}")
        bad = [one for one in checked if one.is_bad]
        if bad and not (options["repair"] and self._repair(bad)):
            sys.exit(1)

    def _check(self, quiet: bool) -> list[Checked]:
        results = []
        for one in verify(everything_expected()):
            record(one)
            results.append(one)
            if not quiet:
                self.stdout.write(f"{one.verdict:8} {one.expected.path}  {one.sentence}")
        return results

    def _repair(self, bad: list[Checked]) -> bool:
        """Whether every bad file is queued now."""
        row, without = repair(bad)
        if row is not None:
            self.stderr.write(f"{row.title} is queued as {row.preset_id}.")
        for path in without:
            self.stderr.write(f"{path} cannot be repaired: its origin is not on record. Delete and install it again.")
        return not without
