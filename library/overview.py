"""What lies in the models folders: by folder, file by file, where it came from, and what is only begun."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from django.conf import settings
from django.db.models import Count, Max

from downloads.file_records import ModelFile
from downloads.inventory.destinations import Destinations
from downloads.inventory.free_space import queue_to_fetch
from downloads.inventory.keep_both import original
from downloads.inventory.real_bytes import bytes_freed, bytes_taken
from downloads.inventory.scan import FoundFile, ModelsIndex, canonical, models_index
from downloads.inventory.state import Record, may_describe, vouches
from downloads.models import DownloadFile, DownloadHistory, Status
from downloads.transfer import disk_space, partial_bytes
from library.models import FileHash
from presets.catalogue import Catalogue, catalogue
from settings_app import preferences
from values.kept import Kept, Same
from volumes.file_names import composed, shown

TOP_LEVEL = "(top level)"


@dataclass(frozen=True, slots=True)
class Folder:
    """Bytes and names of files of one kind of model, or of a models folder elsewhere."""

    name: str
    bytes: int
    files: int
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes. ``queued`` is what the installs in the queue will still take."""

    total: int
    free: int
    quota: int | None
    reserve: int
    models: int
    partials: int
    queued: int


@dataclass(frozen=True, slots=True)
class Partial:
    """A file that is only begun: ``bytes`` of ``total`` are here, ``row`` is the newest install that wanted it.

    ``taken`` is what it occupies on the disk: all of it, where the space was reserved in advance.
    """

    path: str
    bytes: int
    taken: int
    total: int | None
    changed_at: datetime
    row: DownloadHistory | None

    @property
    def may_continue(self) -> bool:
        """Whether a retry of its install would go on from these bytes."""
        return self.row is not None and self.row.status in {Status.FAILED, Status.CANCELLED}


@dataclass(slots=True)
class StoredFile:
    """A file in a models folder with what is known of it. Only ours may be deleted; others are read."""

    found: FoundFile
    is_ours: bool
    place: str  # canonical: the same for both names of a folder (unet and diffusion_models)
    folder: str
    record: Record | None = None
    sha256: str = ""  # of the file as it is now, where that is known
    is_listed: bool = False  # by some preset, installed or not
    has_duplicate: bool = False  # another file has the same content

    @property
    def path(self) -> str:
        """As on disk, relative to its models folder."""
        return self.found.path

    @property
    def key(self) -> str:
        """Names it among all folders: files of several models folders may share a relative path."""
        return self.found.path if self.is_ours else shown(str(self.found.file))

    @property
    def size(self) -> int:
        return self.found.size

    @property
    def is_unknown(self) -> bool:
        """No record and no preset says what it is."""
        return self.is_ours and self.record is None and not self.is_listed

    @property
    def changed_at(self) -> datetime:
        return datetime.fromtimestamp(self.found.mtime_ns / 1e9, tz=UTC)


@dataclass(frozen=True)
class Overview:
    """The files of all models folders, largest first. Shared by all requests: not to be changed."""

    files: tuple[StoredFile, ...]
    by_path: Mapping[str, StoredFile]  # only ours
    folders: tuple[Folder, ...]

    @property
    def bytes(self) -> int:
        return sum(folder.bytes for folder in self.folders if not folder.elsewhere)

    @cached_property
    def duplicates(self) -> dict[str, list[StoredFile]]:
        """By SHA-256."""
        groups: dict[str, list[StoredFile]] = defaultdict(list)
        for file in self.files:
            if file.has_duplicate:
                groups[file.sha256].append(file)
        return groups

    @cached_property
    def wasted(self) -> int:
        """Bytes that deleting would free if each content were to stay here once."""
        return sum(map(_wasted, self.duplicates.values()))


def _wasted(copies: Sequence[StoredFile]) -> int:
    could_go = bytes_freed([file.found for file in copies if file.is_ours])
    return min(could_go, bytes_taken(file.found for file in copies) - copies[0].size)


_overview: Kept[Overview] = Kept()


def overview() -> Overview:
    """Derived anew only when the disk, the catalogue or the records have changed."""
    index, presets = models_index(), catalogue()
    return _overview.get((Same(index, presets), _stamp()), lambda: _look(index, presets))


def _stamp() -> tuple[object, ...]:
    """Changes with every file that is recorded or hashed. A record that is written again comes with a new file."""
    return tuple(
        tuple(model.objects.aggregate(rows=Count("pk"), last=Max("pk")).values()) for model in (ModelFile, FileHash)
    )


def _look(index: ModelsIndex, presets: Catalogue) -> Overview:
    found = [file for files in index.by_basename.values() for file in files if not _is_placeholder(file.name)]
    found.sort(key=lambda file: (-file.size, file.path))
    places = Destinations.now()
    files = tuple(_stored(file, _is_ours(file, index, places)) for file in found)
    _add_records(files)
    _add_hashes(files)
    listed = {canonical(file.path) for preset in presets.presets.values() for file in preset.files}
    for file in files:
        file.is_listed = file.place in listed or canonical(original(file.path)[0]) in listed
    return Overview(files, {file.path: file for file in files if file.is_ours}, tuple(_folders(files)))


def _is_placeholder(name: str) -> bool:
    return name.startswith("put_") and name.endswith("_here")  # ComfyUI's empty files that name a folder's purpose


def _is_ours(file: FoundFile, index: ModelsIndex, places: Destinations) -> bool:
    """Whether it lies where installs put files, and is the one that its path leads to."""
    return file.root == settings.MODELS_DIR or (places.is_ours(file.root) and index.find(file.path) is file)


def _stored(file: FoundFile, is_ours: bool) -> StoredFile:
    folder = (file.kind if "/" in file.path else TOP_LEVEL) if is_ours else shown(str(file.root))
    return StoredFile(file, is_ours, canonical(file.path), folder)


def _add_records(files: Iterable[StoredFile]) -> None:
    """Where the bytes that stand here came from: a record of another size speaks of other ones."""
    rows = ModelFile.objects.order_by("path").values_list(*Record._fields)
    records = {composed(record.path): record for record in map(Record._make, rows)}
    for file in files:
        record = records.get(composed(file.path)) if file.is_ours else None
        if record and may_describe(record, file.found):
            file.record = record


def _add_hashes(files: Iterable[StoredFile]) -> None:
    """Only of files that were not touched since: other content of the same size is common among models."""
    columns = ("path", "size", "mtime_ns", "sha256")
    kept = {path: (size, changed, sha256) for path, size, changed, sha256 in FileHash.objects.values_list(*columns)}
    same: dict[str, list[StoredFile]] = defaultdict(list)
    for file in files:
        record, now = file.record, (file.size, file.found.mtime_ns)
        if record and record.sha256 and vouches(record, file.found):
            file.sha256 = record.sha256
        elif kept and (hashed := kept.get(file.key)) and hashed[:2] == now:
            file.sha256 = hashed[2]
        if file.sha256:
            same[file.sha256].append(file)
    for group in same.values():
        twofold = len({file.found.identity for file in group}) > 1  # several names of one file are no copies
        for file in group:
            file.has_duplicate = twofold


def _folders(files: Iterable[StoredFile]) -> list[Folder]:
    """Where a file has names in several folders, one of ours has its bytes."""
    names: Counter[tuple[str, bool]] = Counter()
    first_names: dict[tuple[int, int], StoredFile] = {}
    for file in sorted(files, key=lambda file: not file.is_ours):
        names[file.folder, not file.is_ours] += 1
        if not file.found.is_link:
            first_names.setdefault(file.found.identity, file)
    bytes_of: Counter[tuple[str, bool]] = Counter()
    for file in first_names.values():
        bytes_of[file.folder, not file.is_ours] += file.size
    return sorted(
        (Folder(name, bytes_of[name, elsewhere], count, elsewhere) for (name, elsewhere), count in names.items()),
        key=lambda folder: (-folder.bytes, folder.name),
    )


def space() -> Space:
    """The volume of the models folder. A declared quota bounds total and free."""
    quota, reserve = preferences.get("disk_quota"), preferences.get("disk_reserve")
    volume = disk_space(settings.MODELS_DIR, quota, reserve)
    begun = sum(file.blocks * 512 for file in _our_partials())
    return Space(volume.total, volume.free, quota, reserve, overview().bytes, begun, queue_to_fetch())


def _our_partials() -> list[FoundFile]:
    places = Destinations.now()
    return [file for file in models_index().partials.values() if places.is_ours(file.root)]


def partials() -> list[Partial]:
    """What was begun and not finished where installs put files, largest first."""
    begun = {file.begun: file for file in _our_partials()}
    names = {*begun, *map(composed, begun)}
    wanted = DownloadFile.objects.filter(path__in=names).select_related("download").order_by("download_id")
    newest = {file.path: file for file in wanted}
    lines = []
    for path, file in begun.items():
        by = newest.get(path) or newest.get(composed(path))
        lines.append(
            Partial(
                path,
                partial_bytes(file.root, file.begun_below_root),
                file.blocks * 512,
                by.bytes_total or None if by else None,
                datetime.fromtimestamp(file.mtime_ns / 1e9, tz=UTC),
                by.download if by else None,
            )
        )
    return sorted(lines, key=lambda partial: -partial.taken)
