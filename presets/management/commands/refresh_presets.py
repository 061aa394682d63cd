from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from presets.refresh import RefreshError, plan, refresh


class Command(BaseCommand):
    help = "Fetch a newer catalogue and replace presets.yaml by it; the old file is kept as .bak."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", help="instead of COMFYDASH_PRESETS_URL")
        parser.add_argument("--dry-run", action="store_true", help="only say what would change, with the ids")

    def handle(self, *args: Any, url: str | None, dry_run: bool, **options: Any) -> None:
        try:
            changes = plan(url) if dry_run else refresh(url)
        except RefreshError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(changes))
        if dry_run:
            for sign, ids in (("+", changes.added), ("~", changes.changed), ("-", changes.removed)):
                for preset_id in ids:
                    self.stdout.write(f"{sign} {preset_id}")
        for problem in changes.problems:
            self.stderr.write(problem)
