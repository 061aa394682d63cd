from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import pluralize

from presets.catalogue import catalogue
from presets.check import BAD, TIMEOUT, check
from presets.install import UnknownPreset, find_preset
from webclient.url_policy import masked


class Command(BaseCommand):
    help = (
        "Ask every address of the catalogue: ok, gated, missing, html (a web page), size (the catalogue is off), "
        "hash (changed since it was installed), kind (its header says another folder). "
        "Exit status 1 when a file cannot be had, or not for its folder."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", metavar="ID", help="only these presets")
        parser.add_argument("--json", action="store_true", help="print a JSON list")
        parser.add_argument(
            "--timeout",
            type=_seconds,
            default=TIMEOUT,
            metavar="SECONDS",
            help="for one address, %(default).0f if not given",
        )

    def handle(self, *args: Any, ids: list[str], **options: Any) -> None:
        try:
            presets = [find_preset(preset_id) for preset_id in ids] or list(catalogue().presets.values())
        except UnknownPreset as unknown:
            raise CommandError(str(unknown)) from unknown
        order = list(dict.fromkeys((file.path, file.url) for preset in presets for file in preset.files))
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        counts = Counter[str]()
        for one in check(presets, options["timeout"]):
            counts[one.answer] += 1
            self._progress(len(rows) + 1, len(order), f"{one.answer} {one.path}")
            rows[one.path, one.url] = {
                "presets": list(one.preset_ids),
                "path": one.path,
                "url": masked(one.url),
                "status": one.answer,
                "message": one.message,
                "size_bytes": one.size,
            }
            if not options["json"]:
                self.stdout.write(f"{one.answer:11} {one.path}  {masked(one.url)}  {one.message}".rstrip())
                self.stdout.flush()
        if options["json"]:
            self.stdout.write(json.dumps([rows[key] for key in order], indent=1, ensure_ascii=False))
        else:
            listed = ", ".join(f"{counts[answer]} {answer}" for answer in sorted(counts)) or "nothing to ask"
            self.stdout.write(f"{len(rows)} file{pluralize(rows)}: {listed}")
        for preset in presets:
            if preset.source == "file":
                for warning in preset.warnings:
                    self.stderr.write(f"{preset.id}: {warning}")
        if BAD & counts.keys():
            sys.exit(1)

    def _progress(self, done: int, total: int, what: str) -> None:
        """A count that moves on a terminal, unless the answers themselves go there; one line for each elsewhere."""
        if not self.stderr.isatty():
            self.stderr.write(f"{done} of {total}: {what}")
        elif not self.stdout.isatty():
            self.stderr.write(f"\r{done} of {total}", ending="\n" if done == total else "")
        self.stderr.flush()


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds: use 0.1 to 3600")
    return seconds
