from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import pluralize

from downloads.models import Conflict, Status
from presets import lock_file
from presets.follow import Report, watch
from volumes.file_names import shown


class Command(BaseCommand):
    help = "Queue the files of a lock file as one install; each is fetched and held against its SHA-256."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--conflict",
            choices=Conflict.values,
            default="",
            help="where other bytes have the place of a file: replace it, or keep both (NAME-HASH8)",
        )
        parser.add_argument("--wait", action="store_true", help="until it has ended or waits for you")

    def handle(self, *args: Any, file: Path, wait: bool, conflict: str, **options: Any) -> None:
        try:
            files = lock_file.read(file)
        except lock_file.BadLock as fault:
            raise CommandError(f"{shown(str(file))}: {fault}") from fault
        outcome = lock_file.apply(files, shown(file.stem), conflict)
        row = outcome.row
        if row is None:  # a lock lists files, so something is queued
            raise CommandError(outcome.message)
        what = f"{row.preset_id}: {len(files)} file{pluralize(files)}"
        self.stdout.write(f"{what} queued" if outcome.status == "queued" else f"{what}: {outcome.message}")
        if not wait:
            return
        try:
            (ended,) = watch([row], Report(self.stdout))
        except KeyboardInterrupt:
            raise CommandError("Stopped. It goes on as soon as a worker runs.", returncode=130) from None
        if ended.status != Status.COMPLETED:
            sys.exit(1)
