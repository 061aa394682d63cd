"""Does the database fit this code? By the names of migrations alone: loading them all takes a third of a second."""

from __future__ import annotations

import importlib.util
import pkgutil
from dataclasses import dataclass

from django.apps import apps
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

Migrations = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Schema:
    pending: Migrations  # known to the code, not applied yet
    unknown: Migrations  # applied by a newer version of one of our apps, which this code does not know
    is_old: bool = False  # there are tables already


def schema() -> Schema:
    """Raises django.db.DatabaseError where the database does not answer."""
    known, ours = _on_disk(), {config.label for config in apps.get_app_configs()}
    applied = frozenset(MigrationRecorder(connection).applied_migrations())
    unknown = {(app, name) for app, name in applied - known if app in ours}
    return Schema(pending=known - applied, unknown=frozenset(unknown), is_old=bool(applied))


def _on_disk() -> Migrations:
    found = set()
    for config in apps.get_app_configs():
        spec = importlib.util.find_spec(f"{config.name}.migrations")
        for place in (spec.submodule_search_locations or []) if spec else []:
            found |= {(config.label, module.name) for module in pkgutil.iter_modules([place]) if module.name[0] != "_"}
    return frozenset(found)
