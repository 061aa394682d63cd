"""The official workflow templates as presets: each one that declares models, with exact folders and addresses.

They come with the package comfyui-workflow-templates-json, so a machine without a network has them too. Reading 660
workflows takes a second, so the result is kept between starts, under the versions that it was made with.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from derived.cache import DerivedCache, FileState
from downloads.transfer import TransferError, parse_model_path
from presets.document import Document
from presets.preset import Category, Preset, PresetFile
from values.sizes import human_size
from workflowfiles import VERSION as SCANNER_VERSION
from workflowfiles import ModelUse, scan_bytes

PACKAGE = "comfyui-workflow-templates-json"
MODULE = "comfyui_workflow_templates_json"
FORMAT = 1  # of what is kept; raise it when presets are made differently
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Templates:
    """In the order of the package's index; ``problem`` is a sentence when there are none."""

    version: str
    presets: tuple[Preset, ...]
    categories: dict[str, Category]
    problem: str = ""


@lru_cache(maxsize=1)
def templates() -> Templates:
    """Read once per process: the package only changes with a restart. Never raises."""
    folder, installed = templates_folder(), _installed_version()
    if folder is None:
        return Templates("", (), {}, f"The official templates are not installed. Run: pip install {PACKAGE}")
    cache = DerivedCache("official templates", f"{installed} {SCANNER_VERSION} {FORMAT}", _encoded, _decoded)
    try:
        index = FileState.of(folder / "index.json")
    except OSError:  # said by _read
        return _read(folder, installed)
    if kept := cache.read([index]).get(index):
        return kept
    found = _read(folder, installed)
    if not found.problem:
        cache.write({index: found})
    return found


def read() -> Document:
    """The templates as a source of the catalogue."""
    found = templates()
    presets = {preset.id: preset for preset in found.presets}
    return Document(found.version, presets, found.categories, (found.problem,) if found.problem else ())


def templates_folder() -> Path | None:
    """Where the package's workflows and its index lie, or None when it is not installed."""
    spec = find_spec(MODULE)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) / "templates" if places else None


def template_names() -> frozenset[str]:
    """Names of all templates in the package's index, with models or without."""
    return _names_in(templates_folder())


@lru_cache(maxsize=2)
def _names_in(folder: Path | None) -> frozenset[str]:
    try:
        index = json.loads((folder / "index.json").read_bytes()) if folder else []
    except (OSError, ValueError):  # said by templates()
        return frozenset()
    groups = [group for group in index if isinstance(group, dict)] if isinstance(index, list) else []
    entries = [entry for group in groups for entry in group.get("templates") or () if isinstance(entry, dict)]
    return frozenset(entry["name"] for entry in entries if isinstance(entry.get("name"), str))


def _installed_version() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:  # put on the path by hand
        return ""


def _read(folder: Path, installed: str) -> Templates:
    try:
        index = json.loads((folder / "index.json").read_bytes())
        groups = [group for group in index if isinstance(group, dict)]
    except (OSError, ValueError, TypeError) as error:
        log.warning("The index of %s cannot be read: %s", PACKAGE, error)
        return Templates(installed, (), {}, f"The index of {PACKAGE} cannot be read. Install the package again.")
    presets: dict[str, Preset] = {}
    categories: dict[str, Category] = {}
    for group in groups:
        category, kind = str(group.get("title") or "Other"), str(group.get("type") or "other")
        for entry in group.get("templates") or ():
            preset = _preset(folder, entry, category, kind) if isinstance(entry, dict) else None
            if preset is not None:
                presets.setdefault(preset.id, preset)
                categories.setdefault(category, Category("Official workflow templates", kind))
    return Templates(installed, tuple(presets.values()), categories)


def _preset(folder: Path, entry: dict[str, Any], category: str, kind: str) -> Preset | None:
    """None for a template that declares no models."""
    name = str(entry.get("name") or "")
    try:
        data = (folder / f"{Path(name).name}.json").read_bytes()
    except OSError:
        return None
    if b'"models"' not in data:  # most templates; far cheaper than parsing them
        return None
    needed = [model for model in scan_bytes(data, name).models if model.needed]
    files, warnings = _files(needed)
    if not files:
        return None
    size = entry.get("size")
    return Preset(
        id=f"template:{name}",
        name=str(entry.get("title") or name),
        category=category,
        type=kind,
        description=str(entry.get("description") or ""),
        download_size=human_size(size) if isinstance(size, int) and size > 0 else "",
        files=files,
        use_case="",
        tags=tuple(dict.fromkeys(map(str, [*(entry.get("tags") or ()), *(entry.get("models") or ())]))),
        source="templates",
        warnings=warnings,
    )


def _files(models: list[ModelUse]) -> tuple[tuple[PresetFile, ...], tuple[str, ...]]:
    files: dict[str, PresetFile] = {}
    warnings = []
    for model in models:
        if not model.url or not model.directory:
            warnings.append(f"{model.name} is used too, but the template does not say where it comes from.")
            continue
        try:
            path = parse_model_path(model.path)
        except TransferError as refusal:
            warnings.append(str(refusal))
            continue
        files.setdefault(path, PresetFile(path, model.url))
    return tuple(files.values()), tuple(dict.fromkeys(warnings))


# --- what is kept between starts -------------------------------------------------------------------------------------


def _encoded(templates: Templates) -> bytes:
    return json.dumps(asdict(templates)).encode()


def _decoded(kept: bytes) -> Templates:
    found = json.loads(kept)
    presets = tuple(_preset_of(preset) for preset in found["presets"])
    categories = {name: Category(**fields) for name, fields in found["categories"].items()}
    return Templates(**found | {"presets": presets, "categories": categories})


def _preset_of(kept: dict[str, Any]) -> Preset:
    files = tuple(PresetFile(**file) for file in kept["files"])
    return Preset(**kept | {"files": files, "tags": tuple(kept["tags"]), "warnings": tuple(kept["warnings"])})
