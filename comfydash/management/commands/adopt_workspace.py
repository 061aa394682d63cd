from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from comfydash import shared_workspace


class Command(BaseCommand):
    help = (
        "Tell a PostgreSQL that it belongs to the folders and the secret key that this process sees: after a move, "
        "after a restored backup, or when the key was changed. Stop every other web and worker first."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError("This database is a file of the workspace itself: there is nothing to tell it.")
        try:
            lines = shared_workspace.adopt()
        except OSError as error:
            raise CommandError(
                f"{error.filename or 'A folder'} cannot be written ({error.strerror}). Run this where it can be."
            ) from error
        for line in lines:
            self.stdout.write(line)
