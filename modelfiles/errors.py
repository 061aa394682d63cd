"""What a file is not."""

from __future__ import annotations


class NotAModel(ValueError):
    """These bytes cannot be loaded as what their name says."""


def no_model(name: str, what: str) -> NotAModel:
    return NotAModel(f"{name} {what}.")
