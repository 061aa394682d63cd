"""One place in the models folder, several addresses for it: harmless with the same bytes, a conflict otherwise."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from downloads.inventory.knowledge import Remote
from downloads.inventory.scan import canonical, resolved
from presets.preset import Preset
from volumes.names import folded, ignores_case
from workflowfiles.names import url_key

OTHERS_NAMED = 3  # other presets that a sentence lists by name

# path → the addresses that presets fetch it from → the ids of these presets
PathConflicts = Mapping[str, Mapping[str, tuple[str, ...]]]


def find_path_conflicts(presets: Iterable[Preset]) -> PathConflicts:
    """Only the (canonical) paths that have more than one address, as url_key."""
    owners: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for preset in presets:
        for file in preset.files:
            owners[canonical(file.path)][url_key(file.url)].append(preset.id)
    return {
        path: {url: tuple(ids) for url, ids in addresses.items()}
        for path, addresses in owners.items()
        if len(addresses) > 1
    }


def warn_of_path_conflicts(presets: Mapping[str, Preset]) -> dict[str, Preset]:
    """The presets with a warning for each file that another one of them fetches from elsewhere."""
    path_conflicts = find_path_conflicts(presets.values())
    return {
        preset.id: replace(preset, warnings=(*preset.warnings, *_sentences(preset, path_conflicts)))
        for preset in presets.values()
    }


def warn_of_case(presets: Mapping[str, Preset], models: Path) -> dict[str, Preset]:
    """With a warning on each preset whose file is, on this volume, the same as one that another spelling names."""
    spellings: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for preset in presets.values():
        for file in preset.files:
            path = resolved(file.path)
            spellings[folded(path)][path].append(preset.id)
    clashes = {
        key: paths
        for key, paths in spellings.items()
        if len(paths) > 1 and ignores_case(models / _common_folder(paths))
    }
    if not clashes:
        return dict(presets)
    return {
        preset.id: replace(preset, warnings=(*preset.warnings, *_case_sentences(preset, clashes)))
        for preset in presets.values()
    }


def _common_folder(paths: Iterable[str]) -> str:
    """The folder in which spellings part: each folder of a volume, or a volume below another, may answer otherwise."""
    return os.path.commonpath(list(paths))


def _case_sentences(preset: Preset, clashes: Mapping[str, Mapping[str, list[str]]]) -> Iterator[str]:
    for file in preset.files:
        path = resolved(file.path)
        for other, owners in clashes.get(folded(path), {}).items():
            if other != path:
                yield (
                    f"{file.path} and {other} of {_listed(owners)} are one file here: this models folder does not tell "
                    "capital letters from small ones. Rename one of them in the catalogue to have both."
                )


def describe_differences(preset: Preset, path_conflicts: PathConflicts, remotes: Mapping[str, Remote]) -> list[str]:
    """A sentence for each file of which the hosts say that other presets have other bytes under its path."""
    sentences = []
    for file in preset.files:
        own = remotes.get(file.url)
        others = [
            owner
            for url, owners in path_conflicts.get(canonical(file.path), {}).items()
            if own and own.sha256 and (remote := remotes.get(url)) and remote.sha256 not in {"", own.sha256}
            for owner in owners
        ]
        if others:
            sentences.append(
                f"{file.path} has other content in {_listed(others)}: the second install asks whether to replace the "
                "file or to keep both."
            )
    return sentences


def _sentences(preset: Preset, path_conflicts: PathConflicts) -> list[str]:
    sentences = []
    for file in preset.files:
        addresses = path_conflicts.get(canonical(file.path), {})
        others = [
            owner
            for url, owners in addresses.items()
            if url != url_key(file.url)
            for owner in owners
            if owner != preset.id
        ]
        if others:
            sentences.append(
                f"{file.path} comes from another address in {_listed(others)}. Should the content differ, the second "
                "install asks before it fetches anything whether to replace the file or to keep both."
            )
    return sentences


def _listed(others: list[str]) -> str:
    more = f" and {len(others) - OTHERS_NAMED} more" if len(others) > OTHERS_NAMED else ""
    return ", ".join(others[:OTHERS_NAMED]) + more
