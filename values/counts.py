"""Counts as people say them: no “1 files”, no “4 of 4”, no “the others” where there are none."""

from __future__ import annotations

from collections.abc import Mapping

from values.sizes import human_size


def counted(count: int, noun: str) -> str:
    """``1 file``, ``3 files``, ``1,000 files``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def share_is(count: int, whole: int) -> str:
    """``3 of 4 are``, ``1 of 4 is``, ``None of 4 is``, ``All 4 are``; of one ``It is``."""
    if count == whole:
        return "It is" if whole == 1 else f"All {whole} are"
    return f"{count or 'None'} of {whole} {'is' if count <= 1 else 'are'}"


def apportioned(parts: Mapping[str, int]) -> str:
    """What became of all: ``2 of 6 are queued; 1 is refused; 3 are here.``"""
    said = [(what, count) for what, count in parts.items() if count]
    if not said:
        return "Nothing was asked for."
    (first, count), *others = said
    clauses = [f"{share_is(count, sum(parts.values()))} {first}"]
    clauses += [f"{count} {'is' if count == 1 else 'are'} {what}" for what, count in others]
    return "; ".join(clauses) + "."


def size_of(done: int, whole: int | None) -> str:
    """``2.0 GB of 3.0 GB``; ``2.0 GB`` where nobody knows the whole."""
    return f"{human_size(done)} of {human_size(whole)}" if whole else human_size(done)
