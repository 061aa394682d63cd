"""Any number of rows in one statement: Django's bulk_create takes one for each 50 on SQLite."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, models, router

Row = TypeVar("Row", bound=models.Model)


def insert(model: type[Row], rows: Sequence[Row]) -> None:
    """Insert rows without their ids, their values as one JSON parameter. Neither signals nor ``pk`` of the rows."""
    if not rows:
        return
    connection = connections[router.db_for_write(model)]
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    values = [[_value(field, row, connection) for field in fields] for row in rows]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    if connection.vendor == "postgresql":
        taken = ", ".join(f"(value->>{place})::{field.db_type(connection)}" for place, field in enumerate(fields))
        source = "jsonb_array_elements(%s::jsonb) AS rows(value)"
    else:
        taken = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(fields)))
        source = "json_each(%s)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(model._meta.db_table)} ({columns}) SELECT {taken} FROM {source}",  # noqa: S608  # our own columns
            [json.dumps(values, cls=DjangoJSONEncoder)],
        )


def _value(field: models.Field[Any, Any], row: models.Model, connection: Any) -> Any:
    value = field.get_db_prep_save(field.pre_save(row, add=True), connection)
    return getattr(value, "obj", value)  # PostgreSQL's driver wraps a JSON value
