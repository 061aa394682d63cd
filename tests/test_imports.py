"""Imports point one way: an app may know the apps below it, never those above or beside it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# From the ground up; docs/architecture.md tells why.
LEVELS = (
    ("activity", "settings_app"),
    ("downloads",),
    ("comfyui",),  # reports ComfyUI's folders to downloads
    ("presets",),
    ("workflows",),
    ("storage",),
    ("comfydash",),
)
LEVEL = {app: level for level, apps in enumerate(LEVELS) for app in apps}

# Packages that know no Django may be imported from anywhere, each other included: they are libraries that live in an
# app's room.
LIBRARIES = ("downloads.transfer", "volumes", "workflowfiles")

# The two ground apps know each other's rows, how to tell of a change, and how long the log is to be kept.
BETWEEN_NEIGHBOURS = (
    *("activity.models", "activity.events", "activity.schemas"),
    *("settings_app.models", "settings_app.preferences"),
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


def may_import(app: str, name: str) -> bool:
    other = name.partition(".")[0]
    if other not in LEVEL or other == app or within(name, *LIBRARIES):
        return True
    if LEVEL[other] == LEVEL[app]:
        return within(name, *BETWEEN_NEIGHBOURS)
    return LEVEL[other] < LEVEL[app]


def modules(folder: Path) -> Iterator[tuple[Path, str]]:
    for file in sorted(folder.rglob("*.py")):
        yield file, ".".join(file.relative_to(ROOT).parent.parts)


@pytest.mark.parametrize("app", LEVEL)
def test_an_app_imports_only_what_is_below_it(app: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file, package in modules(ROOT / app)
        for line, name in imports(file.read_text(encoding="utf-8"), package)
        if not may_import(app, name)
    ]
    assert wrong == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_names_nothing_of_django_or_of_the_apps(library: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file, package in modules(ROOT / library.replace(".", "/"))
        for line, name in imports(file.read_text(encoding="utf-8"), package)
        if within(name, "django", "channels", "huey", "ninja", *LEVEL) and not within(name, *LIBRARIES)
    ]
    assert wrong == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_can_be_imported_where_django_cannot(library: str) -> None:
    program = f"import sys; sys.modules['django'] = None; import {library}"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("app", "name", "allowed"),
    [
        ("downloads", "settings_app.preferences", True),
        ("downloads", "presets.catalogue", False),
        ("downloads", "comfydash.settings", False),
        ("presets", "workflowfiles.Scan", True),
        ("presets", "workflows.models.Workflow", False),
        ("settings_app", "activity.models.Activity", True),
        ("settings_app", "activity.api.router", False),
        ("activity", "downloads.transfer.TransferError", True),
        ("comfydash", "library.overview", True),
        ("storage", "django.db.models", True),
    ],
)
def test_the_rule_itself(app: str, name: str, allowed: bool) -> None:
    assert may_import(app, name) is allowed


def test_relative_imports_are_seen() -> None:
    source = "from . import a\nfrom .b import c\nfrom ..d import e\nimport f.g\n"
    assert list(imports(source, "x.y")) == [(1, "x.y.a"), (2, "x.y.b.c"), (3, "x.d.e"), (4, "f.g")]
