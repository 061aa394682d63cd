"""Lock files: a set of models written down so exactly that another machine can have the same.

``{"comfydash_lock": 1, "created_at": …, "files": [{"path", "url", "size", "sha256"}]}``; sizes in bytes, addresses
of the Hub pinned to the commit that the file came from, where it is known.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from downloads.configured_hosts import configured_hosts
from downloads.file_records import ModelFile
from downloads.inventory.scan import canonical, models_index
from downloads.inventory.state import vouches
from downloads.queue import Outcome, are_gated, ask_for
from downloads.transfer import TransferError, parse_model_path
from extension_points import WantedFile
from volumes.file_names import composed, on_one_line, shown
from webclient.url_policy import is_signed
from workflowfiles.names import clean_url, url_problem

FORMAT = 1
LOCK_MAX = 16 * 2**20  # bytes
FILES_MAX = 20_000
SHA256 = re.compile(r"[0-9a-f]{64}")
LARGEST = 2**50  # bytes; a larger size in a lock is a slip


class BadLock(ValueError):
    """Not a lock file that can be used; the message is a sentence that names the place."""


@dataclass(frozen=True)
class LockedFile:
    path: str
    url: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Export:
    """``left_out`` has a sentence for each file here that the lock cannot name.

    Its origin or its content is not on record, or its address holds a signature: that is the owner's, and over before
    the lock is read. ``unverified`` are the paths among them whose bytes may have changed since they were recorded:
    verify first.
    """

    files: list[LockedFile]
    left_out: list[str]
    unverified: list[str]


def export(paths: Iterable[str] | None = None) -> Export:
    """What is installed now, all of it or only the given paths; sorted by path."""
    index = models_index()
    records = {canonical(record.path): record for record in ModelFile.objects.order_by("path")}
    wanted = None if paths is None else {canonical(path) for path in paths}
    files: dict[str, LockedFile] = {}
    left_out, unverified = [], []
    for found in sorted(index.files.values(), key=lambda found: found.path):
        if wanted is not None and canonical(found.path) not in wanted:
            continue
        path = composed(found.path)
        record = records.get(canonical(path))
        known = record is not None and record.sha256 and record.url
        if record and is_signed(record.url):
            left_out.append(f"{found.path}. Its address holds a signature, which is yours and ends.")
        elif known and record and vouches(record, found):
            files[path] = _locked(path, record)
        elif known:
            unverified.append(found.path)
            left_out.append(f"{found.path}. It changed since it was recorded, so verify first: run verify_models.")
        elif _may_be_locked(found.path):
            left_out.append(f"{found.path}. Where it comes from is not on record: run verify_models.")
    return Export(list(files.values()), left_out, unverified)


def _locked(path: str, record: ModelFile) -> LockedFile:
    pinned = configured_hosts().of(record.url).pinned(record.url, record.commit)
    return LockedFile(path, pinned, record.size, record.sha256)


def _may_be_locked(path: str) -> bool:
    try:
        parse_model_path(on_one_line(path).replace("\\", "-"))  # of a name that is no text, or has line breaks
    except TransferError:
        return False
    return True


def to_text(files: Iterable[LockedFile]) -> str:
    document = {
        "comfydash_lock": FORMAT,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "files": [vars(file) for file in files],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def read(place: Path) -> list[LockedFile]:
    """Raises BadLock, also when the file cannot be read."""
    try:
        with place.open("rb") as file:
            data = file.read(LOCK_MAX + 1)
    except OSError as error:
        raise BadLock(f"{shown(str(place))} cannot be read ({error.strerror}). Check the name.") from error
    return parse(data)


def parse(data: bytes) -> list[LockedFile]:
    """Raises BadLock."""
    if len(data) > LOCK_MAX:
        raise BadLock(f"It is larger than {LOCK_MAX // 2**20} MB; a lock file is not.")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:  # also UnicodeDecodeError
        raise BadLock("It is no JSON. Write it with export_lock.") from error
    if not isinstance(document, dict) or "comfydash_lock" not in document:
        raise BadLock("It is no lock file of ComfyDash. Write one with export_lock.")
    if document["comfydash_lock"] != FORMAT:
        raise BadLock(f"It has format {document['comfydash_lock']!r:.20}; this one reads {FORMAT}. Update ComfyDash.")
    entries = document.get("files")
    if not isinstance(entries, list) or not 0 < len(entries) <= FILES_MAX:
        raise BadLock("“files” must be a list with at least one file.")
    files: dict[str, LockedFile] = {}
    for number, entry in enumerate(entries, 1):
        file = _file(entry, f"File {number}")
        if file.path in files:
            raise BadLock(f"File {number}: {file.path} is there twice.")
        files[file.path] = file
    return list(files.values())


def _file(entry: Any, place: str) -> LockedFile:
    if not isinstance(entry, dict):
        raise BadLock(f"{place} is no object with path, url, size and sha256.")
    path, size, sha256 = entry.get("path"), entry.get("size"), entry.get("sha256")
    try:
        path = parse_model_path(path if isinstance(path, str) else "")
    except TransferError as refusal:
        raise BadLock(f"{place}: {refusal}") from refusal
    url = clean_url(entry.get("url"))
    if not url:
        written = entry.get("url")
        why = f" It is not fetched: {url_problem(written)}." if isinstance(written, str) and written else ""
        raise BadLock(f"{place} ({path}) has no http(s) address.{why}")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 < size < LARGEST:
        raise BadLock(f"{place} ({path}) has no size in bytes.")
    if not isinstance(sha256, str) or not SHA256.fullmatch(sha256):
        raise BadLock(f"{place} ({path}) has no SHA-256 of 64 small hexadecimal digits.")
    return LockedFile(path, url, size, sha256)


def apply(files: Iterable[LockedFile], name: str, conflict: str = "") -> Outcome:
    """Queue the whole lock as one install; what is here with the same content is skipped when its turn comes.

    ``conflict`` (replace, keep_both) says what to do where other bytes have the place of a file.
    """
    wanted = [WantedFile(file.path, file.url, file.size, file.sha256) for file in files]
    digest = hashlib.sha256("\n".join(f"{file.path} {file.sha256}" for file in wanted).encode()).hexdigest()
    slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:100] or "models"
    preset_id, title = f"lock:{slug}-{digest[:8]}", f"Lock file {name[:200]}"
    return ask_for(preset_id, title, wanted, conflict=conflict, gated=are_gated(wanted))
