"""Deleting model files and what is only begun: says first what will break, never leaves the models folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from django.db import transaction

from activity.models import Activity
from downloads.events import queue_updated
from downloads.file_records import ModelFile
from downloads.inventory import free_space, scan
from downloads.inventory.destinations import Destinations
from downloads.inventory.real_bytes import as_it_is_now, bytes_freed, bytes_freed_by_each
from downloads.inventory.scan import canonical, models_index
from downloads.models import DownloadHistory
from downloads.tasks import look_again_now
from downloads.transfer import TransferError, begun_path, delete_confined, discard_partial, reserved_bytes
from library.models import FileHash
from library.needs import needs
from library.overview import StoredFile, overview
from values.counts import counted
from values.sizes import human_size
from volumes.file_names import composed


class NotThere(LookupError):
    pass


class Needed(ValueError):
    """Presets or workflows need the file, or an install is writing it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may be deleted; that ``breaks`` the presets and workflows with these names."""

    file: StoredFile
    breaks: tuple[str, ...]
    install: DownloadHistory | None

    @property
    def path(self) -> str:
        return self.file.path

    @property
    def refusal(self) -> str:
        """Why it is not deleted even by force, or nothing."""
        if self.install is None:
            return ""
        title, status = self.install.title, self.install.status
        return f"{self.path} belongs to “{title}”, which is {status}. Cancel that download first."


class Line(NamedTuple):
    """A file that will go, with the bytes that go with it."""

    candidate: Candidate
    bytes: int
    is_counted_above: bool  # under another name

    @property
    def words(self) -> str:
        found = self.candidate.file.found
        if found.is_link:
            return "only the link"
        if self.is_counted_above:
            return "the same file"
        return human_size(self.bytes) if self.bytes or not found.size else "frees nothing: it has another name"


@dataclass(frozen=True, slots=True)
class Plan:
    """What deleting would do. ``missing`` are paths where nothing stands (any more)."""

    candidates: tuple[Candidate, ...]
    missing: tuple[str, ...]

    @property
    def deletable(self) -> list[Candidate]:
        return [candidate for candidate in self.candidates if not candidate.refusal]

    @property
    def lines(self) -> list[Line]:
        lines: list[Line] = []
        counted: set[tuple[int, int]] = set()
        frees = bytes_freed_by_each([candidate.file.found for candidate in self.deletable])
        for candidate, bytes in zip(self.deletable, frees, strict=True):
            identity = candidate.file.found.identity
            lines.append(Line(candidate, bytes, identity in counted))
            if bytes:
                counted.add(identity)
        return lines

    @property
    def bytes(self) -> int:
        """That become free."""
        return sum(line.bytes for line in self.lines)

    @property
    def breaks(self) -> list[str]:
        """Names of the presets and workflows that will no longer work."""
        return sorted({name for candidate in self.deletable for name in candidate.breaks})


@dataclass(frozen=True, slots=True)
class Deleted:
    """``bytes`` that became free; ``refused`` has a sentence for each file that stayed."""

    paths: list[str]
    bytes: int
    refused: list[str]

    @property
    def sentence(self) -> str:
        return f"{counted(len(self.paths), 'file')} deleted, {human_size(self.bytes)} freed."


def plan(paths: Iterable[str]) -> Plan:
    """Only files that a look into the models folder found can be deleted: names are compared, never joined."""
    wanted = list(dict.fromkeys(paths))
    known = overview().by_path
    wanted = list(dict.fromkeys(_listed(path, known) for path in wanted))
    listed = [known[path] for path in wanted if path in known]
    found = [replace(file, found=as_it_is_now(file.found)) for file in listed]
    asked = needs(found)
    return Plan(
        tuple(Candidate(file, tuple(asked.names(file)), asked.install_of(file.place)) for file in found),
        tuple(path for path in wanted if path not in known),
    )


def _listed(path: str, known: Mapping[str, StoredFile]) -> str:
    """The path as it is given out. A name may come composed where the disk has it decomposed, and a browser's form
    sends each line break in it as two characters."""
    if path in known:
        return path
    return next((listed for listed in sorted(known) if _likeness(listed) == _likeness(path)), path)


def _likeness(path: str) -> str:
    return re.sub(r"\r\n?", "\n", composed(path))


def delete_file(path: str, *, force: bool = False) -> Deleted:
    """Delete one file. Raises NotThere, Needed (force overrides needs, not installs) and TransferError."""
    intended = plan([path])
    if intended.missing:
        raise _not_there(path)
    [candidate] = intended.candidates
    if candidate.refusal:
        raise Needed(candidate.refusal)
    if candidate.breaks and not force:
        names = ", ".join(f"“{name}”" for name in candidate.breaks)
        raise Needed(f"{path} is needed by {names}. Delete it with force=true if that may stop working.")
    if not _delete(candidate):
        raise _not_there(path)
    return _deleted([candidate], [])


def _not_there(path: str) -> NotThere:
    scan.forget()  # whoever deleted it, the look at the disk is out of date
    return NotThere(f"There is no {path} in the models folder.")


def delete_files(paths: Iterable[str]) -> Deleted:
    """Delete what a person was shown and has confirmed; one that cannot go does not keep the others."""
    intended = plan(paths)
    gone: list[Candidate] = []
    refused = [candidate.refusal for candidate in intended.candidates if candidate.refusal]
    for candidate in intended.deletable:
        try:
            if _delete(candidate):
                gone.append(candidate)
        except TransferError as refusal:
            refused.append(str(refusal))
    return _deleted(gone, refused)


def _delete(candidate: Candidate) -> bool:
    found = candidate.file.found
    return delete_confined(found.root, found.below_root)


def _deleted(gone: Sequence[Candidate], refused: list[str]) -> Deleted:
    freed = bytes_freed([candidate.file.found for candidate in gone])
    done = Deleted([candidate.path for candidate in gone], freed, refused)
    if gone:
        with transaction.atomic():
            records = [one.file.record.path for one in gone if one.file.record]
            ModelFile.objects.filter(path__in=[*done.paths, *records]).delete()
            FileHash.objects.filter(path__in=done.paths).delete()
            _announce(f"Deleted {_named(done.paths)}", done.sentence, done.paths, done.bytes)
    return done


def delete_partial(path: str) -> Deleted:
    """Throw away what was begun of the file ``path``. Raises NotThere, Needed and TransferError."""
    path = begun_path(path)
    places = Destinations.now()
    begun = models_index().partials.get(canonical(path))
    if begun is None or composed(begun.begun) != composed(path) or not places.is_ours(begun.root):
        raise NotThere(f"Nothing of {path} was begun in the models folder.")
    if install := needs().install_of(path):
        raise Needed(
            f"“{install.title}” is {install.status} and continues from these bytes. Cancel that download first."
        )
    below = begun.begun_below_root
    done = Deleted([path], reserved_bytes(begun.root, below), [])
    discard_partial(begun.root, below)
    with transaction.atomic():
        _announce(f"Deleted the begun {path}", f"{human_size(done.bytes)} freed.", done.paths, done.bytes)
    return done


def _named(paths: list[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{len(paths)} model files"


def _announce(title: str, sentence: str, paths: list[str], freed: int) -> None:
    """The disk is looked at anew, and installs that wait for space are asked."""
    scan.forget()
    free_space.forget()
    Activity.log(Activity.Type.PRESET, Activity.Status.COMPLETED, title, sentence, paths=paths, bytes=freed)
    queue_updated()
    transaction.on_commit(lambda: look_again_now(), robust=True)
