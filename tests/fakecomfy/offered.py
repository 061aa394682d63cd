"""What there is to work with: model folders, node types, templates. Nothing is cached, as in the real one."""

from __future__ import annotations

from typing import Any

from tests.fakecomfy.question import File, Question, Refused


def kinds(ask: Question) -> list[str]:
    return ask.fake.kinds()


def models(ask: Question, kind: str) -> list[str]:
    if kind not in ask.fake.kinds():
        raise Refused(404)
    return ask.fake.model_names(kind)


def model_folders(ask: Question) -> list[dict[str, Any]]:
    return [
        {"name": kind, "folders": _folders(ask, kind)}
        | ({"extensions": sorted(ask.fake.suffixes(kind))} if ask.is_modern else {})
        for kind in ask.fake.kinds()
    ]


def folder_paths(ask: Question) -> dict[str, list[str]]:
    found = {kind: _folders(ask, kind) for kind in ask.fake.kinds()}
    return {**found, "custom_nodes": [str(ask.fake.root / "custom_nodes")]}


def _folders(ask: Question, kind: str) -> list[str]:
    return [str(folder) for folder in ask.fake.folders(kind)]


def object_info(ask: Question, name: str | None = None) -> dict[str, Any]:
    found = ask.fake.object_info()
    return found if name is None else {key: value for key, value in found.items() if key == name}


def template_index(ask: Question) -> list[dict[str, Any]]:
    return [{"moduleName": "default", "templates": [{"name": name} for name in ask.fake.templates]}]


def template(ask: Question, name: str) -> Any:
    if name not in ask.fake.templates:
        raise Refused(404)
    return ask.fake.templates[name]


def pack_template(ask: Question, pack: str, name: str) -> File:
    file = ask.fake.root / "custom_nodes" / pack / "example_workflows" / f"{name}.json"
    if pack not in ask.fake.packs or not file.is_file():
        raise Refused(404)
    return File(file.read_bytes(), "application/json")
