"""The little folder among ComfyUI's node packs through which a link opens any workflow of ours.

ComfyUI serves ``custom_nodes/PACK/example_workflows/NAME.json`` of every pack that was there when it started, and its
page opens such a file by ``?template=NAME&source=PACK``. The pack itself defines no node and runs no code.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from comfyui import folders
from volumes.files import write_whole

PACK = "comfydash_workflows"
INIT = """# Made by ComfyDash, so that a link can open a workflow here. It adds no nodes; delete the folder at any time.
NODE_CLASS_MAPPINGS = {}
"""


class CannotSetUp(ValueError):
    pass


@dataclass(frozen=True)
class Place:
    """``folder`` is None where ComfyUI's node packs are not folders of this machine."""

    folder: Path | None

    @property
    def is_set_up(self) -> bool:
        return self.folder is not None and (self.folder / "__init__.py").is_file()


def place(known: folders.Folders | None = None) -> Place:
    custom_nodes = (known or folders.read()).custom_nodes
    return Place(custom_nodes / PACK if custom_nodes else None)


def set_up() -> Path:
    """Make the folder; does no harm to one that is there. Raises CannotSetUp."""
    folder = _folder()
    try:
        (folder / "example_workflows").mkdir(parents=True, exist_ok=True)
        write_whole(folder / "__init__.py", INIT.encode(), mode=0o666)
    except OSError as error:
        raise CannotSetUp(f"{folder} cannot be written: {error.strerror}. Give this user the right to it.") from error
    return folder


def remove() -> None:
    """Delete what set_up() and put() made, and the folder if nothing else is in it. Raises CannotSetUp."""
    folder = _folder()
    try:
        for file in (folder / "example_workflows").glob("*.json"):
            file.unlink()
        (folder / "__init__.py").unlink(missing_ok=True)
        for compiled in (folder / "__pycache__").glob("*.pyc"):
            compiled.unlink()
        for empty in (folder / "__pycache__", folder / "example_workflows", folder):
            if empty.is_dir() and not any(empty.iterdir()):
                empty.rmdir()
    except OSError as error:
        raise CannotSetUp(f"{folder} cannot be deleted: {error.strerror}. Delete it by hand.") from error


def add_workflow(name: str, workflow: bytes) -> str:
    """Write a workflow where a link opens it; answers its name there. Raises CannotSetUp."""
    slug = slug_of(name)
    file = _folder() / "example_workflows" / f"{slug}.json"
    try:
        write_whole(file, workflow, mode=0o666)
    except OSError as error:
        raise CannotSetUp(
            f"{file} cannot be written: {error.strerror}. Set the folder up again in Settings."
        ) from error
    return slug


def slug_of(name: str) -> str:
    """A name that an address may carry; where letters are lost a short hash keeps two names apart."""
    plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9_-]+", "-", plain).strip("-")[:80]
    return slug if slug == name else f"{slug or 'workflow'}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _folder() -> Path:
    folder = place().folder
    if folder is None:
        raise CannotSetUp("ComfyUI's node packs are not a folder of this machine, so nothing can be put there.")
    return folder
