"""Sizes as people write them, for the environment, settings, catalogues and pages alike.

By hand, not humanize: decimal units, the same figures as the page's script, and reading as well as writing.
"""

from __future__ import annotations

import re
from decimal import Decimal

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
# A comma is a decimal one (4,2 GB) unless exactly three digits follow each (1,234 MB); the same for several dots.
NUMBER = (
    r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}"
    r"|\d{1,3}(?:[ '’_]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?)"
)
# GB, GiB, G, Go (French), gigabytes; never Gbit, which are an eighth of it.
_BYTES = r"(?:bytes?|octets?|b|o)"
UNIT = rf"(?:([kmgt]i?){_BYTES}?|(kilo|mega|giga|tera|kibi|mebi|gibi|tebi){_BYTES}|{_BYTES})"
_SIZE = re.compile(rf"({NUMBER})\s*{UNIT}?(?:/s(?:ec)?|ps)?", re.IGNORECASE | re.ASCII)
BLANKS = str.maketrans(dict.fromkeys("\u00a0\u2007\u2009\u202f", " "))


def parse_size(value: str) -> int:
    """Bytes of ``500MB``, ``2 GB``, ``1.5GiB``, ``4,2 GB`` or ``50MB/s``; decimal units, ``i`` for binary ones.

    Raises ValueError for anything else.
    """
    match = _SIZE.fullmatch(value.translate(BLANKS).strip())
    if not match:
        raise ValueError(f"{value!r} is not a size. Write it like 500MB, 20GB or 1.5GiB.")
    number, short, long = match.groups()
    unit = (short or "").lower()
    if long:
        unit = long[0].lower() + ("i" if long.lower().endswith("bi") else "")
    return int(Decimal(_with_decimal_point(re.sub(r"[ '’_]", "", number))) * _UNITS[unit])


def _with_decimal_point(number: str) -> str:
    """``1,234.5``, ``1.234,5`` and ``4,2`` with a dot for the decimals and nothing for the thousands."""
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", number):
        return number.replace(",", "")
    if "," in number:
        return number.replace(".", "").replace(",", ".")
    return number.replace(".", "") if number.count(".") > 1 else number


def human_size(count: int | float) -> str:
    """``0 B``, ``512 kB``, ``4.8 GB``: three significant digits at the most, decimal units."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
