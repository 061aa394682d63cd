from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from comfydash.recovery.backup import BackupError, back_up
from values.sizes import human_size


class Command(BaseCommand):
    help = "Copy the database, while ComfyDash runs, to a file that does not exist yet (or into a folder)."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path)

    def handle(self, *args: Any, path: Path, **options: Any) -> None:
        if settings.DATABASE_URL:
            raise CommandError("The database is a PostgreSQL (DATABASE_URL): back it up with pg_dump.")
        try:
            made = back_up(settings.DATABASE_FILE, path.absolute())
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{made}: {human_size(made.stat().st_size)}, checked. It holds the Hub token: keep it private."
        )
