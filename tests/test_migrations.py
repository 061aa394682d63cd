"""While machines are upgraded one after the other, those of the version before work on the tables of the new one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db.migrations import AddField, DeleteModel, RemoveField, RenameField, RenameModel
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.models import NOT_PROVIDED

ROOT_PACKAGES = {config.label for config in apps.get_app_configs() if not config.name.startswith(("django", "huey"))}


def operations() -> Iterator[tuple[str, str, Operation]]:
    for (app, name), migration in sorted(MigrationLoader(None).disk_migrations.items()):
        if app in ROOT_PACKAGES:
            yield from ((app, name, operation) for operation in migration.operations)


@pytest.mark.parametrize(
    "app, name, operation", [pytest.param(*each, id=f"{each[0]}-{each[1]}") for each in operations()]
)
def test_a_migration_adds_and_takes_nothing_away(app: str, name: str, operation: Operation) -> None:
    """A new column has a default in the database, or may be empty: the version before writes rows without it."""
    assert not isinstance(operation, RemoveField | RenameField | RenameModel | DeleteModel), (
        f"{app}.{name}: stop using it now, and take it away with the version after the next"
    )
    if isinstance(operation, AddField) and not operation.field.many_to_many:
        has_default = operation.field.db_default is not NOT_PROVIDED
        assert operation.field.null or has_default, f"{app}.{name}: give {operation.name} a db_default"
