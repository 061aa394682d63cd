"""What the scanner says of a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from workflowfiles.names import basename, is_generic

Kind = Literal["ui", "api", "not_workflow", "unreadable"]
Certainty = Literal["declared", "table", "elsewhere", "atlas", "guess", "unknown"]
UrlSource = Literal["node", "workflow", "atlas", "note", ""]


@dataclass(frozen=True)
class ModelUse:
    """One model file that a workflow selects.

    ``directory`` is a folder below the models folder, "" when nobody knows it; ``name`` is relative to it, with forward
    slashes. ``needed`` is False when only muted or bypassed nodes select the file. ``problem`` is a sentence when the
    name must never be used as a path.
    """

    directory: str
    name: str
    url: str = ""
    needed: bool = True
    node_type: str = ""
    input_name: str = ""
    certainty: Certainty = "unknown"
    sha256: str = ""
    url_source: UrlSource = ""
    problem: str = ""

    @property
    def path(self) -> str:
        """Relative to the models folder; only the name when the folder is unknown."""
        return f"{self.directory}/{self.name}" if self.directory else self.name


@dataclass(frozen=True)
class Scan:
    """``error`` is a sentence for ``not_workflow`` and ``unreadable``; ``node_types`` are those that would run."""

    kind: Kind
    models: tuple[ModelUse, ...] = ()
    node_types: frozenset[str] = frozenset()
    error: str = ""


@dataclass(frozen=True)
class KnownModel:
    """A model file that a template or a preset declares."""

    directory: str
    name: str
    url: str = ""
    sha256: str = ""


@dataclass
class Atlas:
    """Known models by base name; the last resort for a folder and for a URL."""

    by_basename: dict[str, list[KnownModel]] = field(default_factory=dict)

    @classmethod
    def of(cls, models: Iterable[KnownModel]) -> Atlas:
        atlas = cls()
        for model in models:
            atlas.by_basename.setdefault(basename(model.name), []).append(model)
        return atlas

    def directory(self, basename: str) -> str:
        """The one folder that the file is known in, or "" when there is none or more than one."""
        folders = {model.directory for model in self.by_basename.get(basename, ())}
        return folders.pop() if len(folders) == 1 else ""

    def find(self, directory: str, basename: str) -> KnownModel | None:
        """A known model of this folder and name, one with a URL first."""
        found = [model for model in self.by_basename.get(basename, ()) if model.directory == directory]
        return max(found, key=lambda model: bool(model.url), default=None)

    def located(self, use: ModelUse) -> ModelUse:
        """The use with a folder that the atlas knows instead of a guess, and with a URL when it has none of its own."""
        if use.problem or is_generic(use.name):
            return use
        name = basename(use.name)
        if use.certainty in ("guess", "unknown") and (directory := self.directory(name)):
            use = replace(use, directory=directory, certainty="atlas")
        if use.url and use.url_source != "note":
            return use
        known = self.find(use.directory, name)
        if known is None or not known.url:
            return use
        return replace(use, url=known.url, url_source="atlas", sha256=use.sha256 or known.sha256)
