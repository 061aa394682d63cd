"""Sizes as people write them, for the environment, settings, catalogues and pages alike."""

from __future__ import annotations

import re
from decimal import Decimal

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?(?:/s)?", re.IGNORECASE)


def parse_size(value: str) -> int:
    """Bytes of ``500MB``, ``2 GB``, ``1.5GiB`` or ``50MB/s``; decimal units as disks are sold, ``i`` for binary ones.

    Raises ValueError for anything else.
    """
    match = _SIZE.fullmatch(value.strip())
    if not match:
        raise ValueError(f"{value!r} is not a size. Write it like 500MB, 20GB or 1.5GiB.")
    number, unit = match.groups()
    return int(Decimal(number) * _UNITS[(unit or "").lower()])


def human_size(count: int | float) -> str:
    """``0 B``, ``512 kB``, ``4.8 GB``: three significant digits at the most, decimal units."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
