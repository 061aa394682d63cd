from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from presets import lock_file
from presets.verify import Expected, verify
from volumes.file_names import shown


class Command(BaseCommand):
    help = "Hold what lies here against a lock file, byte by byte. Exit status 1 when something is missing or differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--json", action="store_true", help="print a JSON list")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            files = lock_file.read(file)
        except lock_file.BadLock as fault:
            raise CommandError(f"{shown(str(file))}: {fault}") from fault
        results = []
        for checked in verify(Expected(locked.path, locked.url, locked.size, locked.sha256) for locked in files):
            results.append({"path": checked.expected.path, "status": checked.verdict, "message": checked.sentence})
            if not options["json"]:
                self.stdout.write(f"{checked.verdict:8} {checked.expected.path}  {checked.sentence}")
        bad = sum(result["status"] != "ok" for result in results)
        if options["json"]:
            self.stdout.write(json.dumps(results, indent=1, ensure_ascii=False))
        else:
            self.stdout.write(f"{len(results) - bad} of {len(results)} files are exactly as the lock says")
        if bad:
            sys.exit(1)
