"""Both kept: the file whose place is taken by other bytes stands beside it, as ``NAME-HASH8``."""

from __future__ import annotations

import hashlib
import re

_BESIDE = re.compile(r"(.+)-([0-9a-f]{8})(\.[^./]+)?", re.DOTALL)


def beside(path: str, sha256: str, url: str) -> str:
    """``loras/a.safetensors`` → ``loras/a-1a2b3c4d.safetensors``: the first 8 digits of the SHA-256 that is wanted.

    Where no host says one before the download, those of the address: the name has to be known before the first byte,
    so that a transfer can continue.
    """
    folder, slash, name = path.rpartition("/")
    stem, dot, ending = name.rpartition(".") if "." in name else (name, "", "")
    return f"{folder}{slash}{stem}-{(sha256 or address_hash(url))[:8]}{dot}{ending}"


def address_hash(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "backslashreplace")).hexdigest()


def original(path: str) -> tuple[str, str]:
    """The path that a file may stand beside, and the 8 digits; two empty strings for a name of another form."""
    folder, slash, name = path.rpartition("/")
    found = _BESIDE.fullmatch(name)
    return (f"{folder}{slash}{found[1]}{found[3] or ''}", found[2]) if found else ("", "")
