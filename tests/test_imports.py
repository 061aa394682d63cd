"""Imports point one way: a room may know the rooms below it, never those above or beside it, and no module a circle."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# From the ground up; docs/architecture.md tells why. A room inside another one (downloads.transfer) has a level of its
# own, and the name that fits a module best counts.
LEVELS = (
    ("extension_points", "listings", "values", "volumes"),
    ("modelfiles", "webclient"),
    ("hosts",),
    ("workflowfiles",),  # a link in a note is judged by the host that it names
    ("downloads.transfer",),
    ("activity", "derived"),
    ("settings_app",),
    ("downloads",),
    ("comfyui",),  # reports ComfyUI's folders to downloads
    ("presets",),
    ("workflows",),
    ("library",),
    ("comfydash",),
)
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

# Rooms that know no Django: what they do can be tried, and used, without a database.
WITHOUT_DJANGO = (
    "extension_points",
    "volumes",
    "modelfiles",
    "webclient",
    "workflowfiles",
    "hosts",
    "downloads.transfer",
)


def imports(source: str, package: str) -> Iterator[tuple[int, str]]:
    """Line and absolute name of each import, at the top or inside a function; ``from a import b`` gives ``a.b``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def room_of(name: str) -> str:
    """The room that a module stands in; "" for those of other people."""
    return max((room for room in LEVEL if within(name, room)), key=len, default="")


def may_import(module: str, name: str) -> bool:
    room, other = room_of(module), room_of(name)
    return not other or other == room or LEVEL[other] < LEVEL[room]


def files() -> dict[str, Path]:
    """Our modules by name, without migrations: those name the models of their own time."""
    tops = sorted({room.partition(".")[0] for room in LEVEL})
    found = [file for top in tops for file in [ROOT / f"{top}.py", *(ROOT / top).rglob("*.py")] if file.exists()]
    return {_name(file): file for file in found if "migrations" not in file.parts}


def _name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = files()


def imported_by(module: str) -> Iterator[tuple[int, str]]:
    file = MODULES[module]
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    return imports(file.read_text(encoding="utf-8"), package)


def ours(name: str) -> str:
    """The module of ours that an imported name is, or is in; "" for those of other people."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name


def graph() -> dict[str, set[str]]:
    return {module: {ours(name) for _, name in imported_by(module)} - {"", module} for module in MODULES}


def circle(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """Modules that each import the next one and the last one the first; none where imports have an end."""
    done: set[str] = set()

    def walk(path: list[str]) -> list[str]:
        for other in sorted(edges[path[-1]]):
            if other in path:
                return path[path.index(other) :]
            if other not in done and (found := walk([*path, other])):
                return found
        done.add(path[-1])
        return []

    return next((found for module in sorted(edges) if module not in done and (found := walk([module]))), [])


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_is_below_its_room(module: str) -> None:
    wrong = [f"line {line} imports {name}" for line, name in imported_by(module) if not may_import(module, name)]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle(graph()) == []


@pytest.mark.parametrize("module", [name for name in MODULES if within(name, *WITHOUT_DJANGO)])
def test_a_room_without_django_names_nothing_of_it(module: str) -> None:
    wrong = [
        f"line {line} imports {name}"
        for line, name in imported_by(module)
        if within(name, "django", "channels", "huey", "ninja")
    ]
    assert wrong == []


@pytest.mark.parametrize("room", WITHOUT_DJANGO)
def test_a_room_without_django_can_be_imported_where_django_cannot(room: str) -> None:
    program = f"import sys; sys.modules['django'] = None; import {room}"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_every_package_has_a_level() -> None:
    packages = {folder.parent.name for folder in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert packages == {room.partition(".")[0] for room in LEVEL} - {"extension_points"}


def test_the_image_holds_every_room() -> None:
    listed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {room.partition(".")[0].replace("extension_points", "extension_points.py") for room in LEVEL} <= listed


@pytest.mark.parametrize("name", sorted({room.partition(".")[0] for room in LEVEL}))
def test_no_room_is_named_like_a_module_of_python(name: str) -> None:
    assert name not in sys.stdlib_module_names


@pytest.mark.parametrize(
    ("module", "name", "allowed"),
    [
        ("downloads.queue", "settings_app.preferences", True),
        ("downloads.queue", "presets.catalogue", False),
        ("downloads.queue", "comfydash.settings", False),
        ("downloads.queue", "comfyui.client", False),
        ("comfyui.folders", "downloads.inventory.scan", True),
        ("presets.states", "workflowfiles.Scan", True),
        ("presets.states", "workflows.models.Workflow", False),
        ("settings_app.models", "activity.models.Activity", True),
        ("activity.views", "settings_app.preferences", False),
        ("downloads.transfer.fetch", "downloads.models", False),
        ("downloads.queue", "downloads.transfer.TransferError", True),
        ("webclient.client", "hosts.huggingface", False),
        ("library.overview", "django.db.models", True),
    ],
)
def test_the_rule_itself(module: str, name: str, allowed: bool) -> None:
    assert may_import(module, name) is allowed


@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ({"a": ["b"], "b": ["c"], "c": []}, []),
        ({"a": ["b", "c"], "b": ["c"], "c": []}, []),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, ["b", "c"]),
        ({"a": [], "b": ["a", "c"], "c": ["b"]}, ["b", "c"]),
    ],
)
def test_circles_are_found(edges: dict[str, list[str]], found: list[str]) -> None:
    assert circle(edges) == found


def test_relative_imports_are_seen() -> None:
    source = "from . import a\nfrom .b import c\nfrom ..d import e\nimport f.g\n"
    assert list(imports(source, "x.y")) == [(1, "x.y.a"), (2, "x.y.b.c"), (3, "x.d.e"), (4, "f.g")]
