"""Is what lies on the disk what it should be? Structure first, because it is cheap, then the SHA-256."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from downloads.file_records import ModelFile, RemoteFile
from downloads.inventory import scan
from downloads.inventory.scan import FoundFile, canonical, models_index
from downloads.inventory.state import vouches
from downloads.models import DownloadHistory
from downloads.queue import are_gated, ask_for
from extension_points import WantedFile
from modelfiles.errors import NotAModel
from modelfiles.structure import check_structure
from presets.catalogue import catalogue
from volumes.checksum import sha256_of

Verdict = Literal["ok", "unknown", "missing", "broken", "differs"]
GoOn = Callable[[int], None]


@dataclass(frozen=True)
class Expected:
    """``sha256`` is "" when nobody knows what the content should be."""

    path: str
    url: str = ""
    size: int | None = None
    sha256: str = ""


@dataclass(frozen=True)
class Checked:
    """ok; unknown: structure is fine and nobody knows the SHA-256; missing, broken, differs: fetch it again."""

    expected: Expected
    verdict: Verdict
    sentence: str
    sha256: str = ""
    found: FoundFile | None = None

    @property
    def is_bad(self) -> bool:
        return self.verdict in {"missing", "broken", "differs"}


def everything_expected() -> list[Expected]:
    """Each recorded file that is still here, and each file of a preset that is here without a record; by path.

    A record whose file is gone says nothing: somebody deleted it, which is no damage.
    """
    index = models_index()
    remotes = {remote.url: remote for remote in RemoteFile.objects.exclude(sha256="")}
    expected: dict[str, Expected] = {}
    for record in ModelFile.objects.order_by("installed_at", "path"):
        if index.find(record.path):
            expected[canonical(record.path)] = Expected(record.path, record.url, record.size, record.sha256)
    claims: dict[str, set[Expected]] = defaultdict(set)
    for preset in catalogue().presets.values():
        for file in preset.files:
            if canonical(file.path) not in expected and index.find(file.path):
                remote = remotes.get(file.url)
                claims[canonical(file.path)].add(
                    Expected(file.path, file.url, remote.size, remote.sha256)
                    if remote
                    else Expected(file.path, file.url)
                )
    for place, ones in claims.items():
        # Presets that want different content under one path: nobody can say which of them this file belongs to.
        agreed = len({one.sha256 for one in ones}) == 1
        one = min(ones, key=lambda one: one.url)
        expected[place] = one if agreed else Expected(one.path)
    return sorted(expected.values(), key=lambda one: one.path)


def verify(expected: Iterable[Expected], read: GoOn = lambda count: None) -> Iterator[Checked]:
    """One after the other, in the given order. ``read`` is told of each block of bytes that was hashed."""
    index = models_index()
    for one in expected:
        found = index.find(one.path)
        yield _verify(one, found, read) if found else Checked(one, "missing", "It is not here.")


def _verify(one: Expected, found: FoundFile, read: GoOn) -> Checked:
    try:
        odd = "".join(f" {sentence}" for sentence in check_structure(found.file))
        if one.size is not None and one.size != found.size:
            return Checked(one, "differs", f"It has {found.size} bytes instead of {one.size}.", found=found)
        if not one.sha256:
            return Checked(one, "unknown", f"Its structure is sound; nobody recorded its SHA-256.{odd}", found=found)
        sha256 = sha256_of(found.file, read)
    except NotAModel as fault:
        return Checked(one, "broken", str(fault), found=found)
    except OSError as error:
        return Checked(one, "broken", f"It cannot be read ({error.strerror}).", found=found)
    if sha256 != one.sha256:
        return Checked(one, "differs", f"Its SHA-256 is {sha256[:12]}… instead of {one.sha256[:12]}….", sha256, found)
    return Checked(one, "ok", f"Its SHA-256 is right.{odd}", sha256, found)


def record(checked: Checked) -> None:
    """Vouch for a file that was found right, so that nobody needs to hash it again: it had no record, or its time is
    another one than that on record."""
    found = checked.found
    if checked.verdict != "ok" or found is None or not _is_unchanged(found):
        return
    kept = ModelFile.objects.filter(path=checked.expected.path).first()
    if kept is None or not vouches(kept, found) or kept.sha256 != checked.sha256:
        ModelFile.renew(checked.expected.path, found.size, found.mtime_ns, checked.sha256, checked.expected.url)
        scan.changed()


def _is_unchanged(found: FoundFile) -> bool:
    """Hashing takes minutes, and an install may have put another file there meanwhile."""
    try:
        now = found.file.stat()
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns) == (found.size, found.mtime_ns)


def repair(bad: Iterable[Checked]) -> tuple[DownloadHistory | None, list[str]]:
    """Queue the bad files for a new fetch that replaces each one on success only.

    The install, or None when no address is known; and the paths without one.
    """
    wanted, without = [], []
    for checked in bad:
        one = checked.expected
        if one.url:
            wanted.append(WantedFile(one.path, one.url, one.size, one.sha256))
        else:
            without.append(one.path)
    if not wanted:
        return None, without
    title = f"Repair of {len(wanted)} file{'' if len(wanted) == 1 else 's'}"
    # By what is repaired: asked for twice it is one install, as with every other button.
    digest = hashlib.sha256("\n".join(sorted(f"{file.path} {file.sha256}" for file in wanted)).encode()).hexdigest()
    outcome = ask_for(f"lock:repair-{digest[:16]}", title, wanted, force=True, gated=are_gated(wanted))
    return outcome.row, without
