"""A newer catalogue: fetch, parse, compare, and only then replace presets.yaml. Whatever is wrong changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from django.conf import settings

from activity.events import broadcast
from activity.models import Activity
from presets import catalogue
from presets.document import BadDocument, Document, parse_document
from presets.fetch_document import Unacceptable, Unreachable, fetch_document
from presets.preset import Preset
from presets.yaml_tree import DOCUMENT_MAX
from volumes.files import write_whole
from volumes.locks import FileLock
from webclient.url_policy import shown

NAMED = 100  # ids of each kind that an activity entry lists


class RefreshError(Exception):
    """Nothing was changed."""

    def __init__(self, sentence: str, kind: Literal["invalid", "unreachable", "not_writable"]) -> None:
        super().__init__(sentence)
        self.kind = kind


@dataclass(frozen=True)
class Changes:
    """What a document brings against presets.yaml: ids, and sentences about its faults."""

    version: str
    total: int
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.total} preset{'' if self.total == 1 else 's'}, version {self.version or 'unknown'}: "
            f"{len(self.added)} added, {len(self.changed)} changed, {len(self.removed)} removed"
        )


def source_url() -> str:
    """Where the catalogue comes from, fit to be shown."""
    return shown(settings.PRESETS_URL)


def plan(url: str | None = None) -> Changes:
    """What refresh() would change; changes nothing. Raises RefreshError."""
    return _compare(_parsed(_fetched(url or settings.PRESETS_URL)))


def refresh(url: str | None = None) -> Changes:
    """Replace presets.yaml by the document at ``url``, the old one kept as ``.bak``. Raises RefreshError.

    Running and queued downloads have their own list of files and go on.
    """
    url = url or settings.PRESETS_URL
    try:
        data = _fetched(url)
        document = _parsed(data)
        with _one_at_a_time():
            changes = _compare(document)
            _replace(data)
    except RefreshError as error:
        Activity.log(Activity.Type.ERROR, Activity.Status.FAILED, "Catalogue not refreshed", str(error), url=shown(url))
        raise
    catalogue.forget()
    Activity.log(
        Activity.Type.PRESET,
        Activity.Status.COMPLETED,
        "Catalogue refreshed",
        str(changes),
        url=shown(url),
        version=changes.version,
        added=changes.added[:NAMED],
        changed=changes.changed[:NAMED],
        removed=changes.removed[:NAMED],
    )
    broadcast({"type": "presets_refreshed", "total_presets": changes.total, "version": changes.version})
    return changes


def _fetched(url: str) -> bytes:
    advice = f"Nothing was changed. Check COMFYDASH_PRESETS_URL ({shown(url)}) and the network, then refresh again."
    try:
        return fetch_document(url)
    except Unacceptable as refusal:
        raise RefreshError(f"{refusal} {advice}", "invalid") from refusal
    except Unreachable as failure:
        raise RefreshError(f"The catalogue could not be fetched. {failure} {advice}", "unreachable") from failure


def _parsed(data: bytes) -> Document:
    try:
        return parse_document(data)
    except BadDocument as fault:
        raise RefreshError(f"The new catalogue cannot be used, so the old one stays. {fault}", "invalid") from fault


def _compare(document: Document) -> Changes:
    before = _presets_on_disk()
    after = document.presets
    return Changes(
        version=document.version,
        total=len(after),
        added=tuple(id_ for id_ in after if id_ not in before),
        changed=tuple(
            id_
            for id_ in after
            if id_ in before and _without_line_numbers(after[id_]) != _without_line_numbers(before[id_])
        ),
        removed=tuple(id_ for id_ in before if id_ not in after),
        problems=(
            *document.problems,
            *(f"{preset.id}: {text}" for preset in after.values() for text in preset.warnings),
        ),
    )


def _presets_on_disk() -> dict[str, Preset]:
    """The presets of the file as it is; none when there is no file or it is broken."""
    try:
        with Path(settings.PRESETS_FILE).open("rb") as file:
            return parse_document(file.read(DOCUMENT_MAX + 1)).presets
    except (OSError, BadDocument):
        return {}


def _without_line_numbers(preset: Preset) -> Preset:
    """Without the sentences, whose line numbers move."""
    return replace(preset, warnings=(), problem="")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two refreshes, in whatever process, compare and replace one after the other."""
    try:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        lock = FileLock(settings.DATA_DIR / "presets.lock")
        lock.wait()
    except OSError as error:
        raise _not_writable(settings.DATA_DIR, error) from error
    try:
        yield
    finally:
        lock.release()


def _replace(data: bytes) -> None:
    """Each step leaves a whole file under each name, also when the machine dies in between."""
    path = Path(os.path.realpath(settings.PRESETS_FILE))  # a link to a shared file stays one
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        old = path.read_bytes() if path.exists() else None
        if old == data:
            return  # the .bak is worth more as it is
        if old is not None:
            write_whole(path.with_name(path.name + ".bak"), old, mode=0o666, durable=True)
        write_whole(path, data, mode=0o666, durable=True)
    except OSError as error:
        raise _not_writable(path, error) from error


def _not_writable(path: Path, error: OSError) -> RefreshError:
    return RefreshError(
        f"{path} could not be written ({error.strerror}), so the old catalogue stays. "
        "Make the folder writable for this user, or name another file in COMFYDASH_PRESETS_FILE.",
        "not_writable",
    )
