"""The journal beside a .part: whose bytes they are and which of them are there.

One JSON document per line, only ever appended to, so that a cut-off last line costs nothing:
  {"identity": {...}}                 whose bytes these are; the first line
  {"synced": [[start, end], ...]}     on the platter: appended after fdatasync
  {"written": [...], "boot": "..."}   written, maybe only in the page cache: survives kill -9 but not a power cut,
                                      so it counts only while the machine has not been started again
A line is written after the bytes it speaks of, never before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from downloads.transfer.part.ranges import Extents
from hosts.answers import Facts

LARGEST = 1 << 20  # bytes of journal before it is written anew


@dataclass(frozen=True)
class Identity:
    """What tells two versions of a file apart."""

    url: str = ""
    size: int | None = None
    sha256: str = ""
    etag: str = ""
    modified: str = ""

    @classmethod
    def of(cls, facts: Facts) -> Identity:
        return cls(facts.url, facts.size, facts.sha256, facts.etag, facts.modified)

    @property
    def says_nothing(self) -> bool:
        return not (self.sha256 or self.etag or self.modified)

    def same_bytes(self, other: Identity) -> bool:
        """Whether both are provably the same bytes; unknown counts as no."""
        if self.sha256 and other.sha256:
            return self.sha256 == other.sha256
        if self.size != other.size or self.url != other.url:
            return False
        if self.etag or other.etag:
            return self.etag == other.etag
        return bool(self.modified) and self.modified == other.modified


@dataclass(frozen=True)
class State:
    """What a journal says. extents are the bytes that can be relied on; synced would survive a power cut too."""

    identity: Identity
    extents: Extents
    synced: Extents


def read_state(text: bytes) -> State | None:
    """None when there is no journal that can be understood: then nothing is known to be there."""
    identity: Identity | None = None
    synced, written = Extents(), None
    for line in text.split(b"\n"):
        try:
            record = json.loads(line)
            if "identity" in record:
                identity = Identity(**record["identity"])
                synced, written = Extents(), None
            elif "synced" in record:
                synced = _ranges(record["synced"])
            elif record.get("boot") == boot_id():
                written = _ranges(record["written"])
        except (ValueError, TypeError, KeyError, AttributeError):  # a cut-off or foreign line says nothing
            continue
    return State(identity, written or synced, synced) if identity else None


def identity_line(identity: Identity) -> bytes:
    return _line({"identity": asdict(identity)})


def synced_line(extents: Iterable[tuple[int, int]]) -> bytes:
    return _line({"synced": list(extents)})


def written_line(extents: Iterable[tuple[int, int]]) -> bytes:
    return _line({"written": list(extents), "boot": boot_id()})


def _line(record: dict[str, object]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _ranges(value: object) -> Extents:
    if not isinstance(value, list):
        raise TypeError
    return Extents((int(start), int(end)) for start, end in value)


@cache
def boot_id() -> str:
    """Changes when the machine starts again, and with it the page cache; random where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return os.urandom(16).hex()
