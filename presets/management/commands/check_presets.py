from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import pluralize

from downloads.transfer.addresses import masked
from presets.catalogue import catalogue
from presets.check import BAD, check
from presets.install import UnknownPreset, find_preset


class Command(BaseCommand):
    help = (
        "Ask every address of the catalogue: ok, gated, missing, html (a web page), size (the catalogue is off), "
        "hash (changed since it was installed). Exit status 1 when a file cannot be had."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", metavar="ID", help="only these presets")
        parser.add_argument("--json", action="store_true", help="print a JSON list")

    def handle(self, *args: Any, ids: list[str], **options: Any) -> None:
        try:
            presets = [find_preset(preset_id) for preset_id in ids] or list(catalogue().presets.values())
        except UnknownPreset as unknown:
            raise CommandError(str(unknown)) from unknown
        rows, counts = [], Counter[str]()
        for one in check(presets):
            counts[one.answer] += 1
            rows.append(
                {
                    "presets": list(one.preset_ids),
                    "path": one.path,
                    "url": masked(one.url),
                    "status": one.answer,
                    "message": one.message,
                    "size_bytes": one.size,
                }
            )
            if not options["json"]:
                self.stdout.write(f"{one.answer:11} {one.path}  {masked(one.url)}  {one.message}".rstrip())
        if options["json"]:
            self.stdout.write(json.dumps(rows, indent=1, ensure_ascii=False))
        else:
            listed = ", ".join(f"{counts[answer]} {answer}" for answer in sorted(counts)) or "nothing to ask"
            self.stdout.write(f"{len(rows)} file{pluralize(rows)}: {listed}")
        if BAD & counts.keys():
            sys.exit(1)
