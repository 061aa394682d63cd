"""What a rule is, and how the first one that fits is found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from modelfiles.kinds.names import Names

OF_UNET = "?"  # in a row, for a base model that the widths of its U-Net show


@dataclass(frozen=True)
class Kind:
    """What a file is, by its header. ``kind`` is a name of ``modelfiles.model_folders.FOLDERS``, other or unknown."""

    kind: str
    base_model: str  # sdxl, flux, wan2.2, …; empty where the names do not show it
    why: str  # to read behind "because": the header has lora_up keys


@dataclass(frozen=True)
class Rule:
    kind: str
    base_model: str
    marks: tuple[str, ...]  # all of them
    but_not: tuple[str, ...] = ()
    # Tensor, axis, length. Only where it tells base models apart: a packed weight has another shape than its module.
    length: tuple[str, int, int] | None = None
    dimensions: tuple[str, int] | None = None

    def fits(self, names: Names, below: str) -> bool:
        return (
            all(names.has(below + mark) for mark in self.marks)
            and not any(names.has(below + mark) for mark in self.but_not)
            and self._shapes_fit(names, below)
        )

    def _shapes_fit(self, names: Names, below: str) -> bool:
        if self.length:
            tensor, axis, length = self.length
            shape = names.shape(below + tensor)
            return -len(shape) <= axis < len(shape) and shape[axis] == length
        if self.dimensions:
            tensor, count = self.dimensions
            return len(names.shape(below + tensor)) == count
        return True


def rules_of(kind: str) -> Callable[..., Rule]:
    """Rows of a table that all say the same kind: ``vae = rules_of("vae")``, ``vae("wan", "a.mark", "another")``."""
    return partial(_rule, kind)


def _rule(
    kind: str,
    base_model: str,
    *marks: str,
    but_not: tuple[str, ...] = (),
    length: tuple[str, int, int] | None = None,
    dimensions: tuple[str, int] | None = None,
) -> Rule:
    return Rule(kind, base_model, marks, but_not, length, dimensions)


def first_that_fits(rules: Iterable[Rule], names: Names, below: Iterable[str] = ("",)) -> Kind | None:
    """below: prefixes under which the marks may stand."""
    present = [prefix for prefix in below if not prefix or names.has(prefix.rstrip("."))]
    for rule in rules:
        for prefix in present:
            if rule.fits(names, prefix):
                return Kind(rule.kind, rule.base_model, f"the header has {in_words(rule.marks)} keys")
    return None


def in_words(marks: tuple[str, ...]) -> str:
    """The first two marks are enough to look it up."""
    return " and ".join(mark.replace("*", "N") for mark in marks[:2])
