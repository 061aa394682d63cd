"""Texts that people read: no secret of an address stays in them, whoever wrote them and however long ago."""

from __future__ import annotations

from typing import Any

from django.db import models

from webclient.url_policy import masked_text


class _Masked:
    """Masked on the way in, and on the way out as well: rows of earlier versions were not."""

    max_length: int | None

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return value and masked_text(value)

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)  # type: ignore[misc]
        return masked_text(value)[: self.max_length] if isinstance(value, str) else value

    def deconstruct(self) -> Any:
        """The column is that of the plain field: no migration."""
        name, _, args, kwargs = super().deconstruct()  # type: ignore[misc]
        return name, f"django.db.models.{type(self).__name__.removeprefix('Masked')}", args, kwargs


class MaskedCharField(_Masked, models.CharField):  # type: ignore[type-arg]
    pass


class MaskedTextField(_Masked, models.TextField):  # type: ignore[type-arg]
    pass


class MaskedJSONField(models.JSONField):
    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return super().from_db_value(masked_text(value) if isinstance(value, str) else value, expression, connection)

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs
