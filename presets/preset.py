"""What a preset is: a named set of model files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from values.sizes import BLANKS, NUMBER, UNIT, parse_size

Source = Literal["file", "templates"]
TYPE_WORDS = {"3d": "3D", "llm": "Text"}

# A number with a unit wherever it stands; one without only when it is all there is ("2 files" has no size).
# "3 to 4 GB" does not begin with terabytes of France.
_WRITTEN_SIZE = re.compile(rf"(?<![\d.,])({NUMBER}\s*(?!to\b){UNIT})(?![a-z])", re.IGNORECASE | re.ASCII)
_BARE_SIZE = re.compile(rf"\W*({NUMBER})\W*", re.ASCII)
_GROUPED = re.compile(r"(?<=\d)[ \u00a0\u202f'’_](?=\d{3}(?!\d))")  # 1 234 567
_SMALLEST = 100  # bytes; less are the billions of parameters of “14B”, or gigabytes whose unit is missing
_LARGEST = 10**14  # bytes; no preset has 100 TB, so a larger number is a slip


@dataclass(frozen=True, slots=True)
class PresetFile:
    """``path`` is relative to the models folder; ``size`` is as the catalogue has it, which is often a guess."""

    path: str
    url: str
    size: str = ""
    optional: bool = False

    @property
    def size_guess(self) -> int | None:
        """Bytes by the catalogue, or None. What the host says (RemoteFile) is better."""
        return written_size(self.size)


@dataclass(frozen=True, slots=True)
class Preset:
    """``problem`` is a sentence when the preset cannot be installed as the catalogue has it, else ""."""

    id: str
    name: str
    category: str
    type: str
    description: str
    download_size: str
    files: tuple[PresetFile, ...]
    use_case: str
    tags: tuple[str, ...]
    source: Source
    warnings: tuple[str, ...] = ()
    problem: str = ""

    @property
    def template(self) -> str:
        """The name of the official template that it is, or nothing."""
        return self.id.removeprefix("template:") if self.source == "templates" else ""

    def answers(self, words: str) -> bool:
        """Whether each word stands somewhere in the id, the texts, the tags or the files' paths."""
        texts = (self.id, self.name, self.category, self.description, self.use_case, *self.tags)
        everything = "\n".join((*texts, *(file.path for file in self.files))).lower()
        return all(word in everything for word in words.lower().split())


@dataclass(frozen=True, slots=True)
class Category:
    description: str
    type: str


@lru_cache(maxsize=4096)
def written_size(text: str) -> int | None:
    """Bytes of the first size in ``~15GB``, ``9.31GB (9536MB)`` or ``123456``; None when there is none."""
    text = _GROUPED.sub("", text.translate(BLANKS))
    found = [parse_size(match[1]) for match in _WRITTEN_SIZE.finditer(text)]
    found = [size for size in found if size >= _SMALLEST]
    if not found and (match := _BARE_SIZE.fullmatch(text)):
        found = [size for size in (parse_size(match[1]),) if not 0 < size < _SMALLEST]
    return found[0] if found and found[0] <= _LARGEST else None


def type_word(kind: str) -> str:
    """A type of model or workflow, for a page."""
    return TYPE_WORDS.get(kind, kind.capitalize())
