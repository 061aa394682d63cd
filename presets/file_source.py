"""The person's own catalogue, presets.yaml; where there is none, the starter is put there."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from presets import starter
from presets.document import BadDocument, Document, parse_document
from presets.path_conflicts import warn_of_path_conflicts


def read() -> Document:
    """A file that cannot be used offers nothing, and says why."""
    path = settings.PRESETS_FILE
    try:
        document = parse_document(starter.read_or_create(path))
    except OSError as error:
        return _nothing(f"{path} cannot be read ({error.strerror}). Make it readable for this user.")
    except BadDocument as error:
        return _nothing(f"{path} cannot be used: {error} Repair it, or refresh the catalogue.")
    return replace(
        document,
        presets=warn_of_path_conflicts(document.presets),
        problems=tuple(f"{path.name}, {sentence[:1].lower()}{sentence[1:]}" for sentence in document.problems),
    )


def _nothing(problem: str) -> Document:
    return Document("", {}, {}, (problem,))
