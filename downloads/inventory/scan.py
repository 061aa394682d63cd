"""What lies in the models folders: one cached scan that everybody asks, never a stat per file and request."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path

from django.conf import settings

import extension_points
from downloads.inventory import extra_model_paths as extra_paths
from downloads.inventory.keep_both import original
from downloads.transfer import LINK_SUFFIX, PART_SUFFIX, STATE_SUFFIX, begun_path
from modelfiles.model_folders import OLD_NAMES
from values.kept import Kept
from volumes.file_names import composed, shown
from volumes.files import OLD
from volumes.held_file import touch
from volumes.names import folded, ignores_case

log = logging.getLogger(__name__)

STATE_SUFFIXES = (STATE_SUFFIX, f"{STATE_SUFFIX}.new", f"{STATE_SUFFIX}{OLD}")  # the journal beside a .part
CHANGED = "models.changed"  # a file in the data directory whose time says when the models folders changed
MAX_AGE = 2.0  # seconds that a scan is believed
MAX_FOLDER_AGE = 30.0  # seconds that the list of one unchanged folder is believed: files may grow in place

LOOK_SHARE = 50  # times as long as a look at single files took, nobody looks again


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file below a models folder; ``path`` is ``kind/sub/name``, ``size`` in bytes, ``blocks`` of 512 bytes.

    ``path`` is text, whatever bytes the name has; ``file`` is what it is opened by.
    Hard and symbolic links to one file share its ``identity``, so that its bytes are counted once.
    """

    path: str
    file: Path
    size: int
    mtime_ns: int
    blocks: int
    root: Path
    identity: tuple[int, int]
    is_link: bool
    hard_links: int = 1  # names that the file has, here and elsewhere

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def kind(self) -> str:
        return self.path.partition("/")[0]

    @property
    def below_root(self) -> str:
        """Its real path below the root: other roots than the models folder hold one kind, and its name is left out."""
        return self.file.relative_to(self.root).as_posix()

    @property
    def begun(self) -> str:
        """Of a .part: ``path`` of the file that it is to become."""
        return begun_path(self.path)

    @property
    def begun_below_root(self) -> str:
        return begun_path(self.below_root)


@dataclass(frozen=True)
class ModelsIndex:
    """All files of all models folders, by canonical path (aliases resolved), by name, and what is only begun."""

    files: dict[str, FoundFile]
    partials: dict[str, FoundFile]  # by the canonical path of the file they will be
    links: dict[str, FoundFile]  # new names of local copies that were not given yet, by the same
    by_basename: dict[str, list[FoundFile]] = field(repr=False)
    kinds: dict[str, list[Path]] = field(repr=False)

    def find(self, path: str) -> FoundFile | None:
        return self.files.get(canonical(path))

    @cached_property
    def beside(self) -> dict[str, list[tuple[str, str]]]:
        """By canonical path: what stands beside it or is begun there (canonical path and 8 digits), both being kept."""
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for path in sorted({*self.files, *self.partials}):
            base, digits = original(path)
            if base:
                found[base].append((path, digits))
        return dict(found)

    def roots(self, kind: str) -> list[Path]:
        """Folders that hold this kind, the one for new files first."""
        return self.kinds.get(OLD_NAMES.get(kind, kind), [])


def resolved(path: str) -> str:
    """``unet/a.safetensors`` and ``diffusion_models/a.safetensors`` are the same place to ComfyUI.

    And é is one name, in one character or in two.
    """
    kind, slash, rest = composed(path).partition("/")
    return OLD_NAMES.get(kind, kind) + slash + rest


def canonical(path: str) -> str:
    """What paths are compared by: equal for all that are one file here. No path to write to, see ``resolved``.

    Where the models folder ignores case, ``loras/Sub/a.safetensors`` is found in the folder ``sub`` that is there.
    """
    return folded(resolved(path)) if _is_one_case() else resolved(path)


_one_case: tuple[Path, bool] | None = None


def _is_one_case(*, look: bool = False) -> bool:
    """Whether the models folder ignores case: asked again with each scan, since it may be mounted later."""
    global _one_case  # not Kept: asked for each of thousands of paths
    folder: Path = settings.MODELS_DIR
    if look or _one_case is None or _one_case[0] is not folder:
        _one_case = (folder, ignores_case(folder))
    return _one_case[1]


_folders: dict[tuple[Path, str, Path], _FolderContents] = {}
_look_again_at = 0.0
_contents: Kept[list[list[FoundFile]]] = Kept(MAX_AGE)
_index: Kept[ModelsIndex] = Kept()


def models_index() -> ModelsIndex:
    """The index, at most MAX_AGE old. Cheap to call; safe from several threads.

    While nothing changes on the disk it is the same object, so that what is derived from it can be kept with it.
    """
    roots = _all_roots()
    key = (_last_change(), *((kind, *map(str, folders)) for kind, folders in roots.items()))
    contents = _contents.get(key, lambda: _look(roots))
    return _index.get((key, _is_one_case(), contents), lambda: _build(roots, contents))


def _look(roots: dict[str, list[Path]]) -> list[list[FoundFile]]:
    _is_one_case(look=True)
    return [
        files
        for kind, folders in roots.items()
        for folder in folders
        for files in _walk(folder, f"{kind}/" if kind else "", folder, set())
    ]


def changed() -> None:
    """This process put a file there or took one away: every process is to look again, at once."""
    forget()
    try:
        file = settings.DATA_DIR / CHANGED
        file.touch(mode=0o600)
        touch(file)  # on volumes that let nobody set times too
    except OSError as error:
        log.debug("Others see the change a little later: %s", error)


def _last_change() -> int:
    """When some process last said `changed`; a page that is told of an end must not show the disk as it was before."""
    try:
        return (settings.DATA_DIR / CHANGED).stat().st_mtime_ns
    except OSError:
        return 0


def forget() -> None:
    """Something was published, moved or deleted by this process: look again at the next question."""
    global _look_again_at
    _contents.forget()
    _look_again_at = 0.0
    _folders.clear()


def changed_in_place(files: Iterable[FoundFile]) -> bool:
    """Is one of these files another than it was? Writing into a file changes no folder, so its list stays believed.

    Looked at every MAX_AGE seconds; more rarely on a volume where a look takes long.
    """
    global _look_again_at
    begun = time.monotonic()
    if begun < _look_again_at:
        return False
    changed = any(map(_is_another, files))
    ended = time.monotonic()
    _look_again_at = ended + min(MAX_FOLDER_AGE, max(MAX_AGE, LOOK_SHARE * (ended - begun)))
    return changed


def _is_another(found: FoundFile) -> bool:
    try:
        now = found.file.stat()
    except OSError:
        return True
    return (now.st_size, now.st_mtime_ns) != (found.size, found.mtime_ns)


def _all_roots() -> dict[str, list[Path]]:
    """Folders by kind beyond the models folder itself, which stands under the empty kind."""
    roots: dict[str, list[Path]] = defaultdict(list)
    roots[""].append(settings.MODELS_DIR)
    sources = [extra_model_paths(settings.EXTRA_MODEL_PATHS), *(roots() for roots in extension_points.model_roots)]
    for kinds in sources:
        for kind, folders in kinds.items():
            name = OLD_NAMES.get(kind, kind)
            own = settings.MODELS_DIR / kind
            roots[name].extend(folder for folder in folders if folder != own and folder not in roots[name])
    return dict(roots)


def linked_kinds() -> dict[str, Path]:
    """Folders below the models folder that are links to one which extra_model_paths.yaml names for their kind.

    By the link's name, with the folder as it is named there. Pods keep their models on a volume in this way. A link
    that nobody declared is followed for reading alone.
    """
    linked: dict[str, Path] = {}
    for kind, folders in extra_model_paths(settings.EXTRA_MODEL_PATHS).items():
        for name in (kind, *(alias for alias, real in OLD_NAMES.items() if real == kind)):
            link = settings.MODELS_DIR / name
            if link.is_symlink():
                linked.update((name, folder) for folder in folders if folder.is_dir() and folder.samefile(link))
    return linked


def _build(roots: dict[str, list[Path]], contents: list[list[FoundFile]]) -> ModelsIndex:
    linked = linked_kinds()
    files: dict[str, FoundFile] = {}
    partials: dict[str, FoundFile] = {}
    links: dict[str, FoundFile] = {}
    names: dict[str, list[FoundFile]] = defaultdict(list)
    kinds: dict[str, list[Path]] = defaultdict(list)
    for found in chain.from_iterable(contents):
        if found.root == settings.MODELS_DIR and found.kind in linked:
            continue  # it is found where it really lies
        if found.path.endswith(PART_SUFFIX):
            _put(partials, canonical(found.begun), found)
        elif not found.path.endswith(STATE_SUFFIXES):
            if found.path.endswith(LINK_SUFFIX):
                links[canonical(found.begun)] = found
            _put(files, canonical(found.path), found)
            names[composed(found.name)].append(found)
    for kind, folders in roots.items():
        if kind:
            kinds[kind].extend(folders)
    for name in {*OLD_NAMES.values(), *(path.partition("/")[0] for path in files)}:
        kinds[name].insert(0, settings.MODELS_DIR / name)
    return ModelsIndex(files, partials, links, dict(names), dict(kinds))


def _put(places: dict[str, FoundFile], place: str, found: FoundFile) -> None:
    """The first folder wins. Of two files whose names are one to a person, whatever order the disk lists them in, the
    composed name does."""
    first = places.setdefault(place, found)
    twofold = first is not found and first.root == found.root and composed(first.path) == composed(found.path)
    if twofold and (composed(found.path) != found.path, found.path) < (composed(first.path) != first.path, first.path):
        places[place] = found


def _walk(folder: Path, prefix: str, root: Path, seen: set[tuple[int, int]]) -> Iterator[list[FoundFile]]:
    listing = _folder_contents(folder, prefix, root)
    yield listing.files
    for name, identity in listing.folders:
        if identity not in seen:  # links may form a ring
            seen.add(identity)
            yield from _walk(folder / name, f"{prefix}{shown(name)}/", root, seen)


@dataclass(frozen=True, slots=True)
class _FolderContents:
    """What one folder holds: files, and names and identities of the folders in it."""

    changed: int  # mtime of the folder in ns
    read_at: float
    files: list[FoundFile]
    folders: list[tuple[str, tuple[int, int]]]


def _folder_contents(folder: Path, prefix: str, root: Path) -> _FolderContents:
    """A folder that did not change is not read again; one that is gone or not ours to read holds nothing."""
    key, now = (folder, prefix, root), time.time()
    try:
        changed = folder.stat().st_mtime_ns
        known = _folders.get(key)
        # A change in the same clock tick as the scan would go unseen, so a folder must have been quiet for a while.
        if (
            known
            and known.changed == changed
            and now - known.read_at < MAX_FOLDER_AGE
            and known.read_at - changed / 1e9 > 2
        ):
            return known
        listing = _FolderContents(changed, now, [], [])
        with os.scandir(folder) as entries:
            for entry in entries:
                _list_entry(listing, entry, key)
    except OSError:
        return _FolderContents(0, 0.0, [], [])
    _folders[key] = listing
    return listing


def _list_entry(listing: _FolderContents, entry: os.DirEntry[str], place: tuple[Path, str, Path]) -> None:
    if entry.name.startswith("."):
        return
    folder, prefix, root = place
    try:
        status = entry.stat()
        identity = (status.st_dev, status.st_ino)
        if entry.is_dir():
            listing.folders.append((entry.name, identity))
            return
        if not stat.S_ISREG(status.st_mode):  # a pipe holds whoever opens it
            return
        found = FoundFile(
            path=prefix + shown(entry.name),
            file=folder / entry.name,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            blocks=status.st_blocks,
            root=root,
            identity=identity,
            is_link=entry.is_symlink(),
            hard_links=status.st_nlink,
        )
    except OSError:  # a dangling link, or gone since
        return
    listing.files.append(found)


def extra_model_paths(file: str) -> dict[str, list[Path]]:
    """Folders by kind from ComfyUI's extra_model_paths.yaml. What is wrong with it is said by the system check."""
    return extra_paths.extra_model_paths(file).kinds
