"""Group nodes, which subgraphs replaced: ``extra.groupNodes`` holds the inner nodes, an instance has type
``workflow>NAME`` (``workflow/NAME`` in older files) and the widget values of all inner nodes in one flat list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflowfiles.loaders import NOTES
from workflowfiles.names import is_model_name
from workflowfiles.selection import NODE_PRICE, Collection, NodeValues, entries


def definitions(extra: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The inner nodes of each group by its name."""
    groups = extra.get("groupNodes")
    if not isinstance(groups, dict):
        return {}
    return {
        name: [node for node in group["nodes"] if isinstance(node, dict)]
        for name, group in groups.items()
        if isinstance(group, dict) and isinstance(group.get("nodes"), list)
    }


def name_of(node_type: str) -> str:
    """The group's name when the type is an instance of one, else a name that no group has."""
    for prefix in ("workflow>", "workflow/"):
        if node_type.startswith(prefix):
            return node_type.removeprefix(prefix)
    return "\0"


def select(inner: list[dict[str, Any]], instance: dict[str, Any], active: bool, found: Collection) -> None:
    values = instance.get("widgets_values")
    shares = _shares(inner, values if isinstance(values, list) else [])
    properties = instance.get("properties")
    declared = entries(properties.get("models")) if isinstance(properties, dict) else ()
    for node, share in zip(inner, shares, strict=True):
        found.spend(NODE_PRICE)
        node_type = node.get("type")
        if not isinstance(node_type, str) or node_type in NOTES:
            continue
        on = active and node.get("mode") not in (2, 4)
        if on:
            found.node_types.add(node_type)
        own = node.get("properties")
        own_declared = entries(own.get("models")) if isinstance(own, dict) else ()
        NodeValues(node_type, [("", item) for item in share], True, {}, (*own_declared, *declared), (), on).select(
            found
        )


def _shares(inner: list[dict[str, Any]], values: list[Any]) -> list[list[Any]]:
    """The part of the instance's values that belongs to each inner node.

    The page hides widgets that are linked inside the group, so the lengths may differ; then the model names are dealt
    out in order, and when not even their number agrees each node keeps the values it was grouped with.
    """
    own = [list(node["widgets_values"]) if isinstance(node.get("widgets_values"), list) else [] for node in inner]
    if sum(map(len, own)) == len(values):
        rest = iter(values)
        return [[next(rest) for _ in items] for items in own]
    models = [value for value in values if isinstance(value, str) and is_model_name(value)]
    places = [
        (node, index)
        for node, items in enumerate(own)
        for index, item in enumerate(items)
        if isinstance(item, str) and is_model_name(item)
    ]
    if len(models) == len(places):
        for (node, index), model in zip(places, models, strict=True):
            own[node][index] = model
    return own
