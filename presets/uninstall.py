"""Removing presets: their files go, what other installed presets need stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from activity.models import Activity
from downloads.events import queue_updated
from downloads.file_records import ModelFile
from downloads.inventory import scan
from downloads.inventory.destinations import Destinations
from downloads.inventory.knowledge import CONFLICT
from downloads.inventory.real_bytes import as_it_is_now, bytes_freed
from downloads.inventory.scan import FoundFile, canonical, models_index
from downloads.models import DownloadHistory
from downloads.transfer import delete_confined, discard_partial
from presets.preset import Preset
from presets.states import installed_presets_needing, preset_states
from values.counts import counted
from values.sizes import human_size
from volumes.file_names import shown


class StillActive(ValueError):
    pass


@dataclass(frozen=True)
class UninstallPlan:
    """``delete`` lists paths, ``partials`` those that are only begun, ``keep`` names who needs a path. In bytes."""

    delete: list[str]
    partials: list[str]
    keep: dict[str, list[str]]
    bytes: int


@dataclass(frozen=True)
class Uninstalled:
    names: tuple[str, ...]
    deleted: list[str]
    kept: list[str]
    bytes: int

    @property
    def sentence(self) -> str:
        what = f"{counted(len(self.deleted), 'file')} deleted" if self.deleted else "no complete file deleted"
        if self.bytes or self.deleted:
            what += f", {human_size(self.bytes)} freed"
        stay = f"; {len(self.kept)} kept" if self.kept else ""
        return f"{', '.join(self.names)}: {what}{stay}."


def plan_uninstall(presets: Sequence[Preset]) -> UninstallPlan:
    """What uninstalling all of them together would delete and keep."""
    states = preset_states(presets)
    index, places = models_index(), Destinations.now()
    needed = installed_presets_needing(
        {file.place for preset in presets for file in states[preset.id].files},
        besides=[preset.id for preset in presets],
    )
    delete: dict[str, FoundFile] = {}
    partials: dict[str, int] = {}
    keep: dict[str, list[str]] = {}
    for file in (file for preset in presets for file in states[preset.id].files):
        found = index.find(file.place)
        if found is None:
            begun = index.partials.get(canonical(file.place))
            if begun and places.is_ours(begun.root) and file.place not in needed:
                partials[begun.begun] = begun.blocks * 512
        elif file.place in needed:
            keep[file.place] = needed[file.place]
        elif file.status == CONFLICT:
            keep[file.place] = ["other content than this preset's"]
        elif not places.is_ours(found.root):
            keep[file.place] = [f"the other models folder {shown(str(found.root))}"]
        else:
            delete[found.path] = as_it_is_now(found)
    freed = bytes_freed(list(delete.values())) + sum(partials.values())
    return UninstallPlan(list(delete), list(partials), keep, freed)


def uninstall(presets: Sequence[Preset]) -> Uninstalled:
    """Delete the files of all of them. Raises StillActive, and TransferError when a file cannot be deleted."""
    active = DownloadHistory.objects.filter(preset_id__in=[preset.id for preset in presets]).active().first()
    if active:
        raise StillActive(f"“{active.title}” is {active.status}. Cancel the download first, then uninstall.")
    scan.forget()
    plan, index = plan_uninstall(presets), models_index()
    deleted: list[str] = []
    try:
        for path in plan.delete:
            if found := index.find(path):
                delete_confined(found.root, found.below_root)
            deleted.append(path)
        for path in plan.partials:
            if begun := index.partials.get(canonical(path)):
                discard_partial(begun.root, begun.begun_below_root)
    finally:
        scan.forget()
        _forget_records(deleted)
    removed = Uninstalled(tuple(preset.name for preset in presets), deleted, list(plan.keep), plan.bytes)
    Activity.log(
        Activity.Type.PRESET,
        Activity.Status.COMPLETED,
        f"Uninstalled {', '.join(removed.names)}",
        removed.sentence,
        preset_ids=[preset.id for preset in presets],
        deleted_files=deleted,
        kept_files=removed.kept,
    )
    queue_updated()
    return removed


def _forget_records(deleted: list[str]) -> None:
    """Also of files that stand under the other name of their folder (unet and diffusion_models are one)."""
    gone = {canonical(path) for path in deleted}
    with transaction.atomic():
        records = [record.pk for record in ModelFile.objects.all() if canonical(record.path) in gone]
        ModelFile.objects.filter(pk__in=records).delete()
