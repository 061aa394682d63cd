"""The volume as one bar: the largest folders, the other models, what else lies there, what is free."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from library.overview import Space, overview

WIDTH = 1000  # units of the drawing
NAMED = 6  # folders with a slice of their own
PAINTS = {
    "partial": "var(--warn)",
    "other": "var(--line-strong)",
    "reserve": "var(--bar-track)",
    "free": "var(--bar-track)",
}
SHADES = (1.0, 0.8, 0.64, 0.5, 0.39, 0.3)  # opacity of the bar's colour, largest folder first


@dataclass(frozen=True, slots=True)
class Slice:
    """``kind`` is folder, more, partial, other, reserve or free; bytes; place and width in units of the drawing."""

    kind: str
    name: str
    bytes: int
    x: float = 0
    width: float = 0
    shade: float = 1.0

    @property
    def paint(self) -> str:
        return PAINTS.get(self.kind, "var(--bar)")


def picture(space: Space) -> list[Slice]:
    """From left to right. Bytes that another volume holds (links, other folders) are not in it."""
    folders = [folder for folder in overview().folders if not folder.elsewhere and folder.bytes]
    rest = sum(folder.bytes for folder in folders[NAMED:])
    other = max(0, space.total - space.free - space.models - space.partials)
    reserve = min(space.reserve, space.free)
    slices = [
        *(
            Slice("folder", folder.name, folder.bytes, shade=shade)
            for folder, shade in zip(folders[:NAMED], SHADES, strict=False)
        ),
        Slice("more", "Other models", rest, shade=0.22),
        Slice("partial", "Unfinished", space.partials),
        Slice("other", "Everything else on the volume", other),
        Slice("reserve", "Kept free", reserve, shade=0.6),
        Slice("free", "Free", space.free - reserve),
    ]
    return _placed([piece for piece in slices if piece.bytes > 0])


def _placed(slices: list[Slice]) -> list[Slice]:
    whole = sum(piece.bytes for piece in slices) or 1
    starts = accumulate((piece.bytes for piece in slices), initial=0)
    return [
        Slice(
            piece.kind,
            piece.name,
            piece.bytes,
            round(WIDTH * start / whole, 2),
            round(WIDTH * piece.bytes / whole, 2),
            piece.shade,
        )
        for piece, start in zip(slices, starts, strict=False)
    ]
