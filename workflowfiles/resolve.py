"""From what nodes select to model files: the folder, the URL, and one entry per file.

The folder comes from, in this order: the node's own declaration, the loader table, the same base name elsewhere in the
workflow, the atlas of known models, a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from volumes.file_names import shown
from workflowfiles.loaders import guess_directory
from workflowfiles.names import (
    basename,
    clean_url,
    is_generic,
    is_model_name,
    normal_name,
    path_problem,
    safe_directory,
    url_basename,
)
from workflowfiles.result import Atlas, Certainty, ModelUse, UrlSource
from workflowfiles.selection import Collection, Selection, entry_matches

CERTAINTIES: tuple[Certainty, ...] = ("declared", "table", "elsewhere", "atlas", "guess", "unknown")
TopLevel = dict[str, list[Mapping[str, Any]]]  # entries of the list "models" of the whole file, by base name
_LINK = re.compile(r"https?://[^\s<>\"'`)\]}|\\]{1,2000}")
_MOST_LINKS = 2_000  # in the notes of one file


def resolve(found: Collection, atlas: Atlas | None) -> tuple[ModelUse, ...]:
    top_level = _by_basename(found.top_level)
    uses = [_declared_or_table(selection, top_level) for selection in found.selections]
    folders: dict[str, set[str]] = {}
    for use in uses:
        if use.directory and not is_generic(use.name):
            folders.setdefault(basename(use.name), set()).add(use.directory)
    uses = [
        use if use.directory or use.problem else _inferred(use, selection, folders.get(basename(use.name), set()))
        for use, selection in zip(uses, found.selections, strict=True)
    ]
    uses = [_with_entry_of_file(use, top_level) for use in _merged(uses)]
    if not all(use.url for use in uses):
        notes = _links_of_notes(found.notes)
        uses = [_with_note(use, notes) for use in uses]
    return tuple(_merged(atlas.located(use) for use in uses)) if atlas is not None else tuple(uses)


def _declared_or_table(selection: Selection, top_level: TopLevel) -> ModelUse:
    name = normal_name(selection.value)
    use = ModelUse(
        directory=selection.directory,
        name=shown(name),
        needed=selection.active,
        node_type=sound(selection.node_type),
        input_name=sound(selection.input_name),
        certainty="table" if selection.directory else "unknown",
        problem=path_problem(name),
    )
    if use.problem:
        return use
    own = _entry(selection.declared, name, "")
    if own is not None and (directory := safe_directory(own.get("directory"))):
        use = replace(use, directory=directory, certainty="declared")
    if own is not None:
        use = _with_entry(use, own, "node")
    if not use.directory:
        top = _entry(top_level.get(basename(name), ()), name, "")
        if top is not None and (directory := safe_directory(top.get("directory"))):
            use = replace(use, directory=directory, certainty="declared")
    return use


def _inferred(use: ModelUse, selection: Selection, elsewhere: set[str]) -> ModelUse:
    if len(elsewhere) == 1:
        return replace(use, directory=next(iter(elsewhere)), certainty="elsewhere")
    guess = guess_directory(selection.node_type, selection.input_name, selection.outputs)
    return replace(use, directory=guess, certainty="guess") if guess else use


def _merged(uses: Iterable[ModelUse]) -> list[ModelUse]:
    """One entry per folder and name, in order of appearance: needed wins, then the surer one."""
    merged: dict[tuple[str, str], ModelUse] = {}
    for use in uses:
        key = (use.directory, use.name)
        other = merged.get(key)
        if other is None:
            merged[key] = use
            continue
        best = min(other, use, key=lambda u: (not u.needed, CERTAINTIES.index(u.certainty)))
        second = use if best is other else other
        if not best.url and second.url:
            best = replace(best, url=second.url, url_source=second.url_source)
        merged[key] = replace(best, sha256=best.sha256 or second.sha256)
    return list(merged.values())


def _with_entry_of_file(use: ModelUse, top_level: TopLevel) -> ModelUse:
    if use.problem or use.url:
        return use
    entry = _entry(top_level.get(basename(use.name), ()), use.name, use.directory)
    return use if entry is None else _with_entry(use, entry, "workflow")


def _with_note(use: ModelUse, notes: Mapping[str, str]) -> ModelUse:
    if use.url or use.problem or is_generic(use.name):
        return use
    note = notes.get(basename(use.name), "")
    return replace(use, url=note, url_source="note") if note else use


def _by_basename(declared: Iterable[Mapping[str, Any]]) -> TopLevel:
    index: TopLevel = {}
    for entry in declared:
        if isinstance(entry.get("name"), str):
            index.setdefault(basename(normal_name(entry["name"])), []).append(entry)
    return index


def _entry(declared: Iterable[Mapping[str, Any]], name: str, directory: str) -> Mapping[str, Any] | None:
    """The entry about a name: the exact name before the same base name; of another folder only when none is asked."""
    matching = [entry for entry in declared if entry_matches(entry, name)]
    if directory:
        matching = [entry for entry in matching if safe_directory(entry.get("directory")) in {"", directory}]
    return next((entry for entry in matching if normal_name(entry["name"]) == name), next(iter(matching), None))


def _with_entry(use: ModelUse, entry: Mapping[str, Any], source: UrlSource) -> ModelUse:
    url = clean_url(entry.get("url"))
    digest = entry.get("hash")
    if (
        isinstance(digest, str)
        and str(entry.get("hash_type", "")).lower() in {"sha256", "sha-256"}
        and re.fullmatch(r"[0-9a-fA-F]{64}", digest)
    ):
        use = replace(use, sha256=digest.lower())
    return replace(use, url=url, url_source=source) if url else use


def _links_of_notes(notes: Iterable[str]) -> dict[str, str]:
    """Model links of notes by base name. A note lists alternatives too: it may give a URL, never a requirement."""
    links: dict[str, str] = {}
    for match in islice(chain.from_iterable(map(_LINK.finditer, notes)), _MOST_LINKS):
        url = clean_url(match[0].rstrip(".,;:!*_"))
        name = url_basename(url) if url else ""
        if name and is_model_name(name):
            links.setdefault(name, url)
    return links


def sound(text: str) -> str:
    """Text that every encoder takes: JSON may hold half a surrogate pair, UTF-8 may not."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text
