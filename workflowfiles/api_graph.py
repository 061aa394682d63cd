"""The API format: ``{id: {class_type, inputs}}``, links as ``[id, slot]``. Muted nodes are not in it at all."""

from __future__ import annotations

from typing import Any

from workflowfiles.loaders import NOTES, PRIMITIVES
from workflowfiles.selection import NODE_PRICE, Collection, NodeValues

LONGEST_CHAIN = 32  # links followed to a primitive; the format allows circles


def collect(graph: dict[str, Any], found: Collection) -> None:
    for node in graph.values():
        if not isinstance(node, dict) or not isinstance(node.get("class_type"), str):
            continue
        found.spend(NODE_PRICE)
        node_type = node["class_type"]
        found.node_types.add(node_type)
        inputs = node.get("inputs")
        if node_type in NOTES or is_primitive(node_type) or not isinstance(inputs, dict):
            continue
        values = [(name, value) for name, value in inputs.items() if not _is_link(value, graph)]
        reached = {name: text for name, value in inputs.items() if (text := _follow(value, graph)) is not None}
        NodeValues(node_type, values, positions=False, reached=reached).select(found)


def is_primitive(node_type: str) -> bool:
    return node_type in PRIMITIVES or node_type == "Reroute"


def _is_link(value: Any, graph: dict[str, Any]) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and value[0] in graph


def _follow(value: Any, graph: dict[str, Any]) -> str | None:
    """The string that a primitive at the other end of a link holds."""
    for _ in range(LONGEST_CHAIN):
        if not _is_link(value, graph):
            return None
        node = graph[value[0]]
        if not isinstance(node, dict) or not isinstance(node.get("inputs"), dict):
            return None
        node_type = node.get("class_type")
        if not isinstance(node_type, str) or not is_primitive(node_type):
            return None
        value = next(iter(node["inputs"].values()), None)
        if isinstance(value, str):
            return value
    return None
