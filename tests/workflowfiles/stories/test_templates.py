"""Every file of the installed template package, checked against a reader that is simple because it may be slow."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from workflowfiles import Scan, scan_bytes

PACKAGE = find_spec("comfyui_workflow_templates_json")
assert PACKAGE and PACKAGE.submodule_search_locations
FILES = sorted(Path(PACKAGE.submodule_search_locations[0]).rglob("*.json"))


@pytest.fixture(scope="module")
def documents() -> dict[str, Any]:
    return {path.name: json.loads(path.read_bytes()) for path in FILES}


@pytest.fixture(scope="module")
def scans(documents: dict[str, Any]) -> dict[str, Scan]:
    return {path.name: scan_bytes(path.read_bytes()) for path in FILES}


def loaders(document: Any) -> Iterator[tuple[bool, str, dict[str, Any]]]:
    """(active, selected name, declared entry) of each declared model, instance by instance.

    The value of a loader inside a container is the container's by name, when the container has one.
    """
    definitions = {sub["id"]: sub for sub in document.get("definitions", {}).get("subgraphs", [])}

    def walk(graph: Any, active: bool, values: dict[int, Any]) -> Iterator[tuple[bool, str, dict[str, Any]]]:
        links = {link["id"]: link for link in graph["links"] if isinstance(link, dict)}

        def incoming(item: dict[str, Any]) -> Any:
            link = links.get(item.get("link"))
            return values.get(link["origin_slot"]) if link and link["origin_id"] == -10 else None

        for node in graph["nodes"]:
            on = active and node["mode"] not in (2, 4)
            own = node.get("widgets_values") or []
            inner = definitions.get(node["type"])
            if inner:
                widgets = [slot for slot in range(len(inner["inputs"])) if is_widget(inner, slot)]
                handed = dict(zip(widgets, own, strict=False))
                for item in node["inputs"]:
                    slot = next(i for i, s in enumerate(inner["inputs"]) if s["name"] == item["name"])
                    handed[slot] = incoming(item) or handed.get(slot)
                yield from walk(inner, on, handed)
                continue
            selected = [*(incoming(item) for item in node["inputs"]), *own]
            for model in node.get("properties", {}).get("models", []):
                if model["name"] in selected:
                    yield on, model["name"], model

    def is_widget(graph: Any, slot: int) -> bool:
        for link in graph["links"]:
            if link["origin_id"] == -10 and link["origin_slot"] == slot:
                target = next(node for node in graph["nodes"] if node["id"] == link["target_id"])
                if any(item.get("link") == link["id"] and item.get("widget") for item in target["inputs"]):
                    return True
        return False

    yield from walk(document, True, {})


def test_the_package_is_read_whole(scans: dict[str, Scan]):
    kinds = [scan.kind for scan in scans.values()]
    workflows = [name for name, scan in scans.items() if scan.kind == "ui"]
    assert set(kinds) == {"ui", "not_workflow"}
    assert all(name.startswith(("index", "fuse_options")) for name in scans.keys() - set(workflows))
    assert len(workflows) > 600


def test_each_declared_active_model_is_found_in_its_declared_folder(documents: Any, scans: dict[str, Scan]):
    checked = 0
    for name, scan in scans.items():
        if scan.kind != "ui":
            continue
        found = {(use.directory, use.name, use.needed) for use in scan.models}
        active = {(m["directory"], n) for on, n, m in loaders(documents[name]) if on}
        passive = {(m["directory"], n) for on, n, m in loaders(documents[name]) if not on} - active
        assert found == {(*model, True) for model in active} | {(*model, False) for model in passive}, name
        checked += len(found)
    assert checked > 900


def test_everything_found_in_the_templates_has_a_link_and_no_problem(scans: dict[str, Scan]):
    for name, scan in scans.items():
        for use in scan.models:
            assert use.url.startswith("https://"), (name, use)
            assert use.problem == "", (name, use)
            assert use.certainty == "declared", (name, use)


def test_the_loader_table_alone_puts_nearly_all_into_the_right_folder(documents: Any, scans: dict[str, Scan]):
    right = total = 0
    wrong = []
    for name, scan in scans.items():
        if not scan.models:
            continue
        stripped = copy.deepcopy(documents[name])
        for graph in [stripped, *stripped.get("definitions", {}).get("subgraphs", [])]:
            for node in graph["nodes"]:
                node.get("properties", {}).pop("models", None)
        again = {(use.path, use.needed) for use in scan_bytes(json.dumps(stripped).encode()).models}
        declared = {(use.path, use.needed) for use in scan.models}
        assert {path.rpartition("/")[2] for path, _ in again} == {path.rpartition("/")[2] for path, _ in declared}
        right += len(declared & again)
        total += len(declared)
        wrong += sorted(declared - again)
    assert right / total >= 0.99, wrong
