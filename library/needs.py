"""Who needs a file: installed presets, workflows that run with it, and installs in the queue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from downloads.inventory.scan import canonical
from downloads.models import ACTIVE, DownloadFile, DownloadHistory
from library.overview import StoredFile, overview
from presets.states import installed_presets_needing
from values.kept import Kept, Same
from workflows.readiness import entries
from workflows.reverse_lookup import workflows_needing


@dataclass(frozen=True)
class Needs:
    """By place: names of what stops working without the file, and active installs that write it."""

    presets: dict[str, list[str]]
    workflows: dict[str, list[str]]
    installs: dict[str, int]  # ids; a long queue is not made into rows for one look

    def names(self, file: StoredFile) -> list[str]:
        """Presets first. Each name once: an official template may be a preset and a workflow."""
        if not file.is_ours:
            return []
        names = (*self.presets.get(file.place, ()), *self.workflows.get(file.place, ()))
        return list(dict.fromkeys(names))

    def install_of(self, path: str) -> DownloadHistory | None:
        pk = self.installs.get(canonical(path))
        return DownloadHistory.objects.filter(pk=pk).first() if pk else None

    @cached_property
    def places(self) -> frozenset[str]:
        return frozenset({*self.presets, *self.workflows, *self.installs})


def needs(files: Iterable[StoredFile] = ()) -> Needs:
    """What is known of these files; of workflows and active installs, all that is known."""
    listed = {file.place for file in files if file.is_ours and file.is_listed}
    return Needs(installed_presets_needing(listed) if listed else {}, _workflows(), _installs())


_by_file: Kept[dict[str, list[str]]] = Kept()


def _workflows() -> dict[str, list[str]]:
    """Derived anew only when the disk, the catalogue or the workflows have changed."""
    seen, known = overview(), entries()
    return _by_file.get(Same(seen, known), lambda: workflows_needing({file.place for file in seen.by_path.values()}))


def _installs() -> dict[str, int]:
    """Which active install writes it, the first of them."""
    files = DownloadFile.objects.filter(download__status__in=ACTIVE).order_by("-id")
    return {canonical(path): download for path, download in files.values_list("path", "download_id")}
