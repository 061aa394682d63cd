"""A model that a workflow selects against the disk and the catalogue: is it here, and where does it come from?"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Count, Max

from downloads.file_records import RemoteFile
from downloads.inventory.knowledge import is_complete
from downloads.inventory.scan import FoundFile, ModelsIndex, canonical, models_index, resolved
from downloads.transfer import TransferError, parse_model_path, partial_bytes
from presets.catalogue import Catalogue, Preset, PresetFile, catalogue
from values.kept import Kept, Same
from volumes.file_names import composed
from workflowfiles import Atlas, KnownModel, ModelUse
from workflowfiles.names import basename, is_generic, url_key

Status = Literal[
    "installed",  # where ComfyUI looks for it
    "other_path",  # in the right folder, but in another subfolder or in another case
    "wrong_folder",
    "partial",
    "broken",  # a file stands there that is no model: empty, a Git-LFS pointer, cut short
    "missing",
    "unknown",  # nowhere, and nobody knows the folder
    "invalid",  # the name must not become a path
]
TO_FETCH = frozenset({"partial", "broken", "missing"})
TO_FIX = frozenset({"other_path", "wrong_folder"})
_UNSURE = frozenset({"guess", "unknown"})


@dataclass(frozen=True)
class Provider:
    """Where a file can be fetched from. ``size_bytes`` is None while nobody asked the host and no preset says it."""

    source: Literal["node", "workflow", "preset", "atlas", "note"]
    url: str
    host: str
    known_host: bool
    preset_id: str = ""
    preset_name: str = ""
    size_bytes: int | None = None
    gated: bool = False
    sha256: str = ""


@dataclass(frozen=True)
class ModelState:
    """``found`` is the file that counts, or the one in another place; ``problem`` is a sentence for ``invalid``."""

    use: ModelUse
    status: Status
    found: FoundFile | None = None
    providers: tuple[Provider, ...] = ()
    bytes_here: int = 0
    problem: str = ""

    @property
    def path(self) -> str:
        return resolved(self.use.path)

    @property
    def provider(self) -> Provider | None:
        return self.providers[0] if self.providers else None

    @property
    def to_fetch(self) -> bool:
        return self.status in TO_FETCH

    @property
    def to_fix(self) -> bool:
        return self.status in TO_FIX

    @property
    def can_fetch(self) -> bool:
        return self.to_fetch and bool(self.providers) and bool(self.use.directory)

    @property
    def size_bytes(self) -> int | None:
        if self.found is not None and self.status not in {"broken", "partial"}:
            return self.found.size
        return next((p.size_bytes for p in self.providers if p.size_bytes is not None), None)

    @property
    def missing_bytes(self) -> int | None:
        """Bytes still to fetch; None when the size is unknown."""
        if not self.to_fetch:
            return 0
        return None if self.size_bytes is None else max(0, self.size_bytes - self.bytes_here)

    @property
    def gated(self) -> bool:
        return self.to_fetch and self.provider is not None and self.provider.gated


class Matcher:
    """Answers for any number of models from one look at the disk, the catalogue and what hosts said."""

    def __init__(self, index: ModelsIndex, known: Catalogue, remotes: dict[str, RemoteFile]) -> None:
        self.index = index
        self.catalogue = known
        self.remotes = remotes
        self._states: dict[ModelUse, ModelState] = {}

    def state(self, use: ModelUse) -> ModelState:
        known = self._states.get(use)
        if known is None:
            known = self._states[use] = self._state(self.atlas.located(use))
        return known

    @cached_property
    def atlas(self) -> Atlas:
        files = [(preset, file) for preset in self.catalogue.presets.values() for file in preset.files]
        return Atlas.of(
            KnownModel(resolved(file.path).rpartition("/")[0], basename(file.path), file.url) for _, file in files
        )

    @cached_property
    def presets_by_path(self) -> dict[str, list[tuple[Preset, PresetFile]]]:
        """Those of the person's own catalogue come before the templates, as in the catalogue."""
        found: dict[str, list[tuple[Preset, PresetFile]]] = defaultdict(list)
        for preset in self.catalogue.presets.values():
            for file in preset.files:
                found[canonical(file.path)].append((preset, file))
        return found

    @cached_property
    def known_hosts(self) -> frozenset[str]:
        """Hosts that the catalogue fetches from, and the Hub: everything else must be confirmed by a person."""
        urls = [file.url for preset in self.catalogue.presets.values() for file in preset.files]
        return frozenset(host_of(url) for url in (settings.HF_ENDPOINT, "https://huggingface.co", *urls))

    @cached_property
    def _lower_paths(self) -> dict[str, FoundFile]:
        return {path.lower(): file for path, file in self.index.files.items()}

    @cached_property
    def _lower_names(self) -> dict[str, list[FoundFile]]:
        names: dict[str, list[FoundFile]] = defaultdict(list)
        for found in self.index.files.values():
            names[composed(found.name).lower()].append(found)
        return names

    def _state(self, use: ModelUse) -> ModelState:
        if use.problem:
            return ModelState(use, "invalid", problem=use.problem)
        providers = self._providers(use)
        at_place = self.index.find(use.path) if use.directory else None
        if at_place is not None and is_complete(at_place):
            return ModelState(use, "installed", at_place, providers)
        elsewhere = self._elsewhere(use, providers)
        if elsewhere is not None and use.certainty in _UNSURE:
            return ModelState(use, "installed", elsewhere, providers)  # a guess must not send anybody to fetch it
        if elsewhere is not None:
            same_kind = canonical(elsewhere.path).partition("/")[0] == canonical(use.path).partition("/")[0]
            return ModelState(use, "other_path" if same_kind else "wrong_folder", elsewhere, providers)
        if not use.directory:
            return ModelState(use, "unknown", None, providers)
        try:
            parse_model_path(resolved(use.path))
        except TransferError as refusal:
            return ModelState(use, "invalid", None, providers, problem=str(refusal))
        if at_place is not None:
            return ModelState(use, "broken", at_place, providers)
        partial = self.index.partials.get(canonical(use.path))
        if partial is not None:
            here = partial_bytes(partial.root, partial.begun_below_root)
            return ModelState(use, "partial", partial, providers, here)
        return ModelState(use, "missing", None, providers)

    def _elsewhere(self, use: ModelUse, providers: tuple[Provider, ...]) -> FoundFile | None:
        """A complete file of the same name in another place, the right folder first.

        A name alone never proves identity: one whose size is known to differ is another file, and a name that says
        nothing counts only in the very same place.
        """
        if is_generic(use.name):
            candidates = [found] if (found := self._lower_paths.get(canonical(use.path).lower())) else []
        else:
            candidates = self._lower_names.get(composed(basename(use.name)).lower(), [])
        size = next((p.size_bytes for p in providers if p.url in self.remotes), None)
        kind = canonical(use.path).partition("/")[0]
        fitting = [f for f in candidates if (size is None or f.size == size) and is_complete(f)]
        return min(
            fitting, key=lambda found: (canonical(found.path).partition("/")[0] != kind, found.path), default=None
        )

    def _providers(self, use: ModelUse) -> tuple[Provider, ...]:
        """In order: the workflow's own word, presets with the same folder and name, the atlas, a note's link."""
        offers: list[Provider] = []
        if use.url and use.url_source in {"node", "workflow"}:
            offers.append(self._provider(use.url_source, use.url, sha256=use.sha256))
        for preset, file in self.presets_by_path.get(canonical(use.path), ()) if use.directory else ():
            offers.append(self._provider("preset", file.url, preset, file.size_guess))
        if use.url and use.url_source in {"atlas", "note"}:
            offers.append(self._provider(use.url_source, use.url))
        merged: dict[str, Provider] = {}
        for offer in offers:
            first = merged.setdefault(url_key(offer.url), offer)
            if not first.preset_id and offer.preset_id:  # the same link: say which preset brings it too
                size = offer.size_bytes if first.size_bytes is None else first.size_bytes
                merged[url_key(offer.url)] = replace(
                    first, preset_id=offer.preset_id, preset_name=offer.preset_name, size_bytes=size
                )
        return tuple(merged.values())

    def _provider(
        self, source: Any, url: str, preset: Preset | None = None, size: int | None = None, sha256: str = ""
    ) -> Provider:
        remote = self.remotes.get(url)
        host = host_of(url)
        return Provider(
            source=source,
            url=url,
            host=host,
            known_host=host in self.known_hosts,
            preset_id=preset.id if preset else "",
            preset_name=preset.name if preset else "",
            size_bytes=remote.size if remote and remote.size is not None else size,
            gated=bool(remote and remote.gated),
            sha256=sha256 or (remote.sha256 if remote else ""),
        )


def host_of(url: str) -> str:
    """Host and port as a person would compare them."""
    return urlsplit(url).netloc.lower()


_matcher: Kept[Matcher] = Kept()


def matcher() -> Matcher:
    """The matcher of this moment: the same object while disk, catalogue and records stay as they are."""
    index, known = models_index(), catalogue()
    stamp = RemoteFile.objects.aggregate(count=Count("pk"), newest=Max("checked_at"))
    return _matcher.get(
        (Same(index, known), stamp["count"], stamp["newest"]),
        lambda: Matcher(index, known, {remote.url: remote for remote in RemoteFile.objects.all()}),
    )
