"""Django's own, one process at a time: also for whoever types it while others start."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate

from comfydash.migration_lock import alone


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with alone():
            super().handle(*args, **options)
