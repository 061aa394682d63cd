"""On and off, as people write them in variables, settings and catalogues."""

from __future__ import annotations

ON = frozenset({"on", "true", "yes", "y", "1"})
OFF = frozenset({"off", "false", "no", "n", "0"})


def on_or_off(word: str) -> bool | None:
    """True for a word that means on, False for one that means off, None for any other."""
    word = word.strip().lower()
    return True if word in ON else False if word in OFF else None
