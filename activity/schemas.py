"""Shapes that every API of the project answers with."""

from __future__ import annotations

from ninja import Schema


class Problem(Schema):
    """A refusal: a sentence for a person, and the fields that were wrong, if any."""

    detail: str
    errors: list[str] = []
