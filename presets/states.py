"""Is it installed? Derived for any number of presets from one look at the disk and four queries, never stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from downloads.inventory.keep_both import original
from downloads.inventory.knowledge import CONFLICT, PARTIAL, UNVERIFIED, Knowledge, is_here
from downloads.inventory.scan import canonical
from downloads.models import DownloadHistory
from downloads.queue import failed as failed_installs
from presets.catalogue import catalogue
from presets.path_conflicts import PathConflicts, describe_differences
from presets.preset import Preset, PresetFile, written_size
from webclient.url_policy import masked
from workflowfiles.names import url_key

FEW = 20  # presets of which only the addresses are looked up, instead of reading all


@dataclass(frozen=True, slots=True)
class FileState:
    """A preset's file as it is now. ``status`` is here, unverified, partial, missing, conflict or broken."""

    file: PresetFile
    status: str
    size_bytes: int | None  # of the host, else of the file here, else the catalogue's guess
    bytes_here: int
    gated: bool
    place: str  # where it is: the path, or beside it, when other bytes have the path and both are kept
    is_anothers: bool  # another preset's file came from its own address, and nobody asked what ours has

    @property
    def path(self) -> str:
        return self.file.path

    @property
    def url(self) -> str:
        return self.file.url

    @property
    def size(self) -> str:
        return self.file.size

    @property
    def optional(self) -> bool:
        return self.file.optional

    @property
    def is_here(self) -> bool:
        return is_here(self.status)

    @property
    def is_ours(self) -> bool:
        """As far as anybody knows."""
        return self.is_here and not self.is_anothers

    @property
    def key(self) -> str:
        """The same for each preset that needs these bytes at this place; short, for pages."""
        return f"{crc32(f'{canonical(self.place)} {url_key(self.url)}'.encode(errors='surrogateescape')):x}"

    @property
    def missing_bytes(self) -> int:
        return 0 if self.is_here else max(0, (self.size_bytes or 0) - self.bytes_here)


@dataclass(frozen=True, slots=True)
class PresetState:
    """``row`` is the active install, or the newest one when that has failed. Sizes in bytes, guesses included."""

    status: str
    installed: bool
    size_bytes: int
    missing_bytes: int
    gated: bool
    files: tuple[FileState, ...]
    row: DownloadHistory | None
    warnings: tuple[str, ...]

    @property
    def files_as_data(self) -> str:
        """KEY:SIZE:MISSING of each file, for the script of pages."""
        return " ".join(f"{file.key}:{file.size_bytes or 0}:{file.missing_bytes}" for file in self.files)

    @property
    def taken(self) -> list[str]:
        """Paths where other bytes stand than this preset's."""
        return [file.path for file in self.files if file.status == CONFLICT]


def preset_states(presets: Iterable[Preset]) -> dict[str, PresetState]:
    """By id. The number of queries does not depend on the number of presets."""
    presets = list(presets)
    ids = [preset.id for preset in presets]
    path_conflicts = catalogue().path_conflicts
    knowledge = Knowledge.gather(_urls(presets, path_conflicts) if len(presets) <= FEW else None)
    active = {row.preset_id: row for row in DownloadHistory.objects.filter(preset_id__in=ids).active()}
    failed = {row.preset_id: row for row in failed_installs().filter(preset_id__in=ids)}
    states = {}
    for preset in presets:
        files = tuple(_file_state(file, knowledge, path_conflicts) for file in preset.files)
        row = active.get(preset.id) or failed.get(preset.id)
        warnings = (*preset.warnings, *describe_differences(preset, path_conflicts, knowledge.remotes))
        states[preset.id] = _preset_state(preset, files, row, warnings)
    return states


def _urls(presets: Iterable[Preset], path_conflicts: PathConflicts) -> set[str]:
    """Their own addresses, and those that other presets fetch the same paths from."""
    files = [file for preset in presets for file in preset.files]
    return {file.url for file in files} | {
        url for file in files for url in path_conflicts.get(canonical(file.path), ())
    }


def _file_state(file: PresetFile, knowledge: Knowledge, path_conflicts: PathConflicts) -> FileState:
    status, place = knowledge.state(file.path, file.url), knowledge.place(file.path, file.url)
    is_anothers = is_here(status) and _is_anothers(file, place, knowledge, path_conflicts)
    remote = knowledge.remotes.get(file.url)
    size = remote.size if remote else None
    if size is None and is_here(status):
        found = knowledge.index.find(place)
        size = found.size if found else None
    if size is None:
        size = file.size_guess
    bytes_here = knowledge.bytes_here(place) if status == PARTIAL else (size or 0) * is_here(status)
    status = UNVERIFIED if is_anothers else status
    return FileState(file, status, size, bytes_here, bool(remote and remote.gated), place, is_anothers)


def _is_anothers(file: PresetFile, place: str, knowledge: Knowledge, path_conflicts: PathConflicts) -> bool:
    """Until its own host is asked nobody knows whether those are its bytes; an install asks before it fetches."""
    record = knowledge.records.get(canonical(place))
    if record is None or file.url in knowledge.remotes:
        return False
    key = url_key(record.url)
    return key != url_key(file.url) and key in path_conflicts.get(canonical(file.path), {})


def _preset_state(
    preset: Preset, files: tuple[FileState, ...], row: DownloadHistory | None, warnings: tuple[str, ...]
) -> PresetState:
    counted = [state for state in files if not state.optional] or files  # all optional: then all of them
    installed = bool(counted) and not preset.problem and all(state.is_ours for state in counted)
    if row is not None and row.is_active:
        status = str(row.status)
    elif installed:
        status, row = "installed", None
    elif row is not None:
        status = str(row.status)
    elif any(state.is_ours or state.status == PARTIAL for state in files):
        status = "partial"
    else:
        status = "available"
    size, missing = _sizes(preset, files)
    return PresetState(
        status=status,
        installed=installed,
        size_bytes=size,
        missing_bytes=missing,
        gated=any(state.gated for state in files if not state.optional),
        files=files,
        row=row,
        warnings=warnings,
    )


def _sizes(preset: Preset, files: tuple[FileState, ...]) -> tuple[int, int]:
    """Bytes in all and bytes to fetch. Files of unknown size share what the catalogue's sum has left for them."""
    size = sum(state.size_bytes or 0 for state in files)
    missing = sum(state.missing_bytes for state in files)
    unknown = [state for state in files if state.size_bytes is None]
    left = max(0, (written_size(preset.download_size) or 0) - size)
    if unknown and left:
        absent = sum(not state.is_here for state in unknown)
        return size + left, missing + left * absent // len(unknown)
    return size, missing


def installed_presets_needing(paths: Iterable[str], besides: Iterable[str] = ()) -> dict[str, list[str]]:
    """For each of the paths that an installed preset needs: the names of these presets, ``besides`` (ids) left out.

    What is being fetched or waits for it counts as needed too.
    """
    wanted = {canonical(path): path for path in paths}
    left_out = set(besides)
    # Who may own them: a preset's file may stand beside its path.
    named = {*wanted, *(canonical(original(path)[0]) for path in wanted)}
    owners = [
        preset
        for preset in catalogue().presets.values()
        if preset.id not in left_out and any(canonical(file.path) in named for file in preset.files)
    ]
    states = preset_states(owners)
    needed: dict[str, list[str]] = {}
    for preset in owners:
        state = states[preset.id]
        if state.installed or (state.row is not None and state.row.is_active):
            for file in state.files:
                if path := wanted.get(canonical(file.place)):
                    needed.setdefault(path, []).append(preset.name)
    return needed


def describe(preset: Preset, state: PresetState) -> dict[str, Any]:
    """A preset as the API and the commands show it; sizes in bytes."""
    return {
        "id": preset.id,
        "name": preset.name,
        "category": preset.category,
        "type": preset.type,
        "description": preset.description,
        "download_size": preset.download_size,
        "size_bytes": state.size_bytes,
        "missing_bytes": state.missing_bytes,
        "gated": state.gated,
        "files": [
            {
                "path": file.path,
                "url": masked(file.url),
                "size": file.size,
                "size_bytes": file.size_bytes,
                "optional": file.optional,
                "status": file.status,
            }
            for file in state.files
        ],
        "use_case": preset.use_case,
        "tags": list(preset.tags),
        "source": preset.source,
        "installed": state.installed,
        "status": state.status,
        "warnings": list(state.warnings),
    }
