"""Where a new file goes: the models folder, or the folder that a person chose or linked for its kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

import extension_points
from downloads.inventory.scan import FoundFile, canonical, linked_kinds, models_index, resolved
from downloads.transfer import TransferError
from volumes.names import folded


class Destination(NamedTuple):
    """A file is ``path`` below ``root``, and nothing of it is ever written outside that."""

    root: Path
    path: str

    def as_written(self, there: FoundFile | None) -> Destination:
        """The same place under the name that the disk has for it: macOS writes it decomposed, a volume may ignore case,
        and unet is another name of diffusion_models, so that what is replaced is the file that is there and not one
        beside it."""
        name = there.begun_below_root if there and there.root == self.root else ""
        # Where case counts, nothing was found that differs in it.
        return self._replace(path=name) if self._same(name) == self._same(self.path) else self

    def _same(self, path: str) -> str:
        return folded(canonical(path) if self.root == settings.MODELS_DIR else path)

    def check(self) -> None:
        """Raises TransferError where a chosen folder is away: made anew, it would be filled on the wrong disk."""
        if self.root != settings.MODELS_DIR and (self.root.is_symlink() or not self.root.is_dir()):
            raise TransferError(
                f"{self.root}, the folder chosen for these models, is not there. Mount it, or choose another one in "
                "Settings under ComfyUI, then retry.",
                reason="not_writable",
            )


@dataclass(frozen=True)
class Destinations:
    """The choices of this moment, by kind; links by the name of their folder below the models folder."""

    chosen: dict[str, Path]
    linked: dict[str, Path]

    @classmethod
    def now(cls) -> Destinations:
        chosen = {kind: folder for source in extension_points.chosen_folders for kind, folder in source().items()}
        return cls(chosen, linked_kinds())

    def of(self, path: str) -> Destination:
        """Where ``kind/sub/name`` goes. What is in the models folder already, or begun there, stays there."""
        kind, _, below = resolved(path).partition("/")
        folder = self.linked.get(path.partition("/")[0]) or self.chosen.get(kind)
        there = _found(path)
        stays = there is not None and there.root == settings.MODELS_DIR
        place = (
            Destination(settings.MODELS_DIR, path)
            if folder is None or not below or stays
            else Destination(folder, below)
        )
        return place.as_written(there)

    def is_ours(self, root: Path) -> bool:
        """Whether installs put files there, so that uninstalling may take them away again."""
        return root == settings.MODELS_DIR or root in {*self.chosen.values(), *self.linked.values()}


def _found(path: str) -> FoundFile | None:
    """What stands there or is begun there."""
    index = models_index()
    return index.find(path) or index.partials.get(canonical(path))
