"""All workflows this machine knows, each with its scan: the official templates and the folders of the user.

A scan is kept by path, size, time and scanner version, in memory and in the table of what is derived from files, so
that neither a request nor a new process reads a file again that did not change.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from sys import intern
from typing import Any, NamedTuple

from django.conf import settings

import extension_points
from derived.cache import DerivedCache, FileState
from presets.templates_source import templates_folder
from volumes.file_names import shown
from workflowfiles import VERSION, ModelUse, Scan, scan_file

TEMPLATES, LOCAL = "templates", "local"
MEDIA = (".png", ".webp", ".jpg", ".jpeg", ".flac", ".opus", ".ogg", ".mp4", ".mov")
WAIT_SECONDS = 2.0  # seconds that a page waits for new files to be read
MAX_AGE = 3.0  # seconds that nobody looks whether files changed
MOST_FILES = 20_000  # per folder of workflows; a whole disk is no folder of workflows
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Workflow:
    """A workflow file. ``size_hint`` is what the package says that all its models take, in bytes; 0 is unknown."""

    id: str  # SOURCE:relative/path
    source: str
    path: str
    file: Path
    name: str
    scan: Scan
    category: str = ""
    type: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    size_hint: int = 0
    partner_api: bool = False
    words: str = ""  # what a search looks through, in lower case


@dataclass(frozen=True, eq=False)
class Library:
    """``node_types`` are those that official templates use: anything else may need custom nodes."""

    workflows: dict[str, Workflow]
    node_types: frozenset[str]


class _Stamp(NamedTuple):
    size: int
    mtime_ns: int


_OwnFile = tuple[str, str, FileState]  # source, path below its folder
# The folders, and what each of them holds.
_State = tuple[list[tuple[str, Path]], list[tuple[str, Path, list[tuple[str, _Stamp]]]]]


_FORGOTTEN = float("-inf")  # as the time of a look: what was seen must not be shown any more
_lock = threading.Lock()
_scans: dict[FileState, Scan] | None = None
_unkept: SimpleQueue[dict[FileState, Scan]] = SimpleQueue()  # read by a thread, to be kept by who asks
_known: tuple[float, _State, Library] | None = None


def library() -> Library:
    """Cheap to call, safe from several threads; the same object while no file changes.

    New files may be many and slow to read: whoever asks meanwhile, or waits for more than WAIT_SECONDS, sees what was
    known before. Only at first, and after `forget`, everybody waits.
    """
    known = None if _known is None or _known[0] == _FORGOTTEN else _known
    if not _lock.acquire(blocking=known is None) and known is not None:
        return known[2]
    reading: Future[Library] = Future()
    with ExitStack() as held:
        held.callback(_lock.release)
        state, found = _look()
        if found is not None:
            return found
        files = _own_files(state)
        _recall([*(file for _, file in _template_entries()), *(file for *_, file in files)])
        threading.Thread(target=_read_into, args=(reading, state, files), name="workflows", daemon=True).start()
        held.pop_all()  # the thread lets it go
    try:
        found = reading.result(None if known is None else WAIT_SECONDS)
    except TimeoutError:
        if known is None:
            raise
        return known[2]
    _keep_scans()
    return found


def _look() -> tuple[_State, Library | None]:
    """What lies there now, and the library of it where that is known. Under the lock."""
    global _known
    folders = workflow_folders()
    if _known and time.monotonic() - _known[0] < MAX_AGE and _known[1][0] == folders:
        return _known[1], _known[2]
    state = (folders, [(source, folder, _files(folder)) for source, folder in folders])
    if _known is None or _known[1] != state:
        return state, None
    _known = (time.monotonic(), state, _known[2])
    return state, _known[2]


def _read_into(reading: Future[Library], state: _State, files: list[_OwnFile]) -> None:
    """Takes the lock over from who asked, and lets it go. Asks no database: a thread would need a connection to it."""
    global _known
    try:
        found = _read(files)
        _known = (time.monotonic(), state, found)
        reading.set_result(found)
    except BaseException as error:  # whatever it is, who asked waits for it, and nobody would see it here
        reading.set_exception(error)
    finally:
        _lock.release()


def forget() -> None:
    """Something was saved: look at the folders again at the next question."""
    global _known
    with _lock:
        if _known is not None:
            _known = (_FORGOTTEN, *_known[1:])


def workflow_folders() -> list[tuple[str, Path]]:
    """Where the user's workflows lie, by source; the first folder is where dropped ones are saved."""
    folders = {LOCAL if number == 1 else f"{LOCAL}{number}": d for number, d in enumerate(settings.WORKFLOW_DIRS, 1)}
    for source in extension_points.workflow_folders:
        folders.update({name: folder for name, folder in source().items() if folder not in folders.values()})
    return list(folders.items())


def workflow_files(folder: Path) -> list[Path]:
    """Each file below the folder that may be a workflow, sorted."""
    return [folder / path for path, _ in _files(folder)]


def _files(folder: Path) -> list[tuple[str, _Stamp]]:
    """Each file that may be a workflow, by its path below the folder, sorted; links to folders are not followed.

    Thousands of files are looked at every few seconds, so this makes no objects but the stamps.
    """
    found: list[tuple[str, _Stamp]] = []
    pending = [""]
    while pending and len(found) < MOST_FILES:
        below = pending.pop()
        try:
            with os.scandir(folder / below if below else folder) as entries:
                for entry in entries:
                    path = below + entry.name
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(f"{path}/")
                    elif entry.name.lower().endswith((".json", *MEDIA)) and (stamp := _entry_stamp(entry)):
                        found.append((path, stamp))
        except OSError:  # gone, or not ours to read
            continue
    if len(found) > MOST_FILES:
        log.warning("%s holds more than %d files; the rest is left out.", folder, MOST_FILES)
    return sorted(found)[:MOST_FILES]


def _entry_stamp(entry: os.DirEntry[str]) -> _Stamp | None:
    """None for what is no file or is gone since."""
    try:
        status = entry.stat()
    except OSError:
        return None
    return _Stamp(status.st_mtime_ns, status.st_size) if entry.is_file() else None


def _own_files(state: _State) -> list[_OwnFile]:
    return [
        (source, path, FileState(str(folder / path), *stamp))
        for source, folder, found in state[1]
        for path, stamp in found
    ]


def _read(files: list[_OwnFile]) -> Library:
    templates = _template_entries()
    scans = _scans_of([*(file for _, file in templates), *(file for *_, file in files)])
    workflows = [Workflow(file=Path(state.path), scan=scans[state], **fields) for fields, state in templates]
    node_types = frozenset().union(*(workflow.scan.node_types for workflow in workflows))
    for source, path, state in files:
        file, scan = Path(state.path), scans[state]
        if file.suffix.lower() in MEDIA and scan.kind not in {"ui", "api"}:
            continue  # a picture among pictures
        path = shown(path)
        folder = path.rpartition("/")[0]
        workflows.append(
            Workflow(
                f"{source}:{path}",
                source,
                path,
                file,
                shown(file.stem),
                scan,
                category=folder or "Your workflows",
                type="yours",
                words=path.lower(),
            )
        )
    return Library({workflow.id: workflow for workflow in workflows}, node_types)


@lru_cache(maxsize=1)
def _template_entries() -> tuple[tuple[dict[str, Any], FileState], ...]:
    """Fields and file of each template in the package's index; read once, a new package comes with a restart."""
    folder = templates_folder()
    try:
        index = json.loads((folder / "index.json").read_bytes()) if folder else []
        groups = [group for group in index if isinstance(group, dict)]
    except (OSError, ValueError, TypeError) as error:
        log.warning("The index of the official templates cannot be read: %s", error)
        return ()
    found: dict[str, tuple[dict[str, Any], FileState]] = {}
    for group in groups:
        for entry in group.get("templates") or ():
            if folder and isinstance(entry, dict) and isinstance(entry.get("name"), str):
                fields = _template_fields(group, entry)
                found.setdefault(fields["id"], (fields, _file_state(folder / fields["path"])))
    return tuple(found.values())


def _file_state(file: Path) -> FileState:
    try:
        return FileState.of(file)
    except OSError:  # the scan of it says so
        return FileState(str(file))


def _template_fields(group: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    name = Path(entry["name"]).name
    size = entry.get("size")
    title, description = str(entry.get("title") or name), str(entry.get("description") or "")
    tags = tuple(dict.fromkeys(map(str, [*(entry.get("tags") or ()), *(entry.get("models") or ())])))
    category = str(group.get("title") or "Other")
    return {
        "id": f"{TEMPLATES}:{name}.json",
        "source": TEMPLATES,
        "path": f"{name}.json",
        "name": title,
        "category": category,
        "type": str(group.get("type") or "other"),
        "description": description,
        "tags": tags,
        "size_hint": size if isinstance(size, int) and size > 0 else 0,
        "partner_api": entry.get("openSource") is False,
        "words": "\n".join((name, title, description, category, *tags)).lower(),
    }


# --- kept scans ----------------------------------------------------------------------------------------------------


def _scans_of(files: list[FileState]) -> dict[FileState, Scan]:
    """What did not change is not read again, what is gone is forgotten."""
    global _scans
    known = _scans or {}
    new = {file: scan_file(Path(file.path)) for file in files if file not in known}
    _scans = {file: new.get(file) or known[file] for file in files}
    _unkept.put(new)
    return _scans


def _recall(files: list[FileState]) -> None:
    """What earlier processes read, where this one has read nothing yet."""
    global _scans
    if _scans is None:
        _scans = SCANS.read(files)


def _keep_scans() -> None:
    try:
        while new := _unkept.get_nowait():
            # Whether a file can be read changes without its time and size.
            SCANS.write({file: scan for file, scan in new.items() if scan.kind != "unreadable"})
    except Empty:
        return


def _encoded(scan: Scan) -> bytes:
    models = [vars(model) for model in scan.models]
    return json.dumps(vars(scan) | {"models": models, "node_types": sorted(scan.node_types)}).encode()


def _decoded(kept: bytes) -> Scan:
    scan = json.loads(kept)
    models = tuple(ModelUse(**model) for model in scan["models"])
    # The same few hundred names stand in thousands of files.
    return Scan(scan["kind"], models, frozenset(map(intern, scan["node_types"])), scan["error"])


SCANS = DerivedCache("workflow scan", str(VERSION), _encoded, _decoded)
