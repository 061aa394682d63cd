"""The UI format: nodes with widgets, links, and subgraphs that are drawn once and used in several places.

A container node's ``type`` is the id of a definition. The definition is read anew for each instance, because its
instances may be muted one by one and may carry other values for the widgets that the definition promotes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from workflowfiles import group_nodes
from workflowfiles.api_graph import LONGEST_CHAIN, is_primitive
from workflowfiles.document import Unreadable
from workflowfiles.loaders import NOTES
from workflowfiles.names import is_model_name
from workflowfiles.selection import NODE_PRICE, Collection, NodeValues, entries

MUTED, BYPASSED = 2, 4
INPUT_NODE = "-10"  # the origin of links that enter a subgraph
DEEPEST = 32  # containers inside containers

Node = dict[str, Any]


class Link(NamedTuple):
    origin: str
    origin_slot: Any
    target: str
    target_slot: Any


class Entering(NamedTuple):
    """The end of a link that enters a subgraph by its input node."""

    link: str
    target: Node
    slot: int


class Graph:
    """The nodes and links of one level: the workflow itself or a subgraph's definition."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.nodes = [node for node in _list(raw.get("nodes")) if isinstance(node, dict)]
        self.inputs = [slot for slot in _list(raw.get("inputs")) if isinstance(slot, dict)]
        self._raw_links = _list(raw.get("links"))

    @cached_property
    def has_primitives(self) -> bool:
        return any(isinstance(node.get("type"), str) and is_primitive(node["type"]) for node in self.nodes)

    @cached_property
    def by_id(self) -> dict[str, Node]:
        return {_key(node.get("id")): node for node in self.nodes}

    @cached_property
    def links(self) -> dict[str, Link]:
        """By id. Version 0.4 writes lists at the top and objects in definitions, version 1.0 objects everywhere."""
        links = {}
        for raw in self._raw_links:
            if isinstance(raw, list) and len(raw) >= 5:
                links[_key(raw[0])] = Link(_key(raw[1]), raw[2], _key(raw[3]), raw[4])
            elif isinstance(raw, dict):
                links[_key(raw.get("id"))] = Link(
                    _key(raw.get("origin_id")),
                    raw.get("origin_slot"),
                    _key(raw.get("target_id")),
                    raw.get("target_slot"),
                )
        return links

    @cached_property
    def listed(self) -> dict[str, bool]:
        """By id of a link: whether the input that lists it is a widget."""
        items = [item for node in self.nodes for item in _list(node.get("inputs")) if isinstance(item, dict)]
        return {_key(item["link"]): bool(_widget_name(item)) for item in items if item.get("link") is not None}

    @cached_property
    def entering(self) -> dict[int, list[Entering]]:
        """By slot of the subgraph: where the links from there end."""
        ends: dict[int, list[Entering]] = {}
        for key, link in self.links.items():
            target = self.by_id.get(link.target)
            slot = link.origin_slot
            if (
                link.origin == INPUT_NODE
                and target is not None
                and isinstance(slot, int)
                and 0 <= slot < len(self.inputs)
            ):
                ends.setdefault(slot, []).append(Entering(key, target, _number(link.target_slot)))
        return ends


@dataclass
class Frame:
    """One instance of a graph.

    ``slots`` is what enters by the definition's inputs, ``proxied`` what goes to a widget of a node (id, then name).
    """

    graph: Graph
    active: bool = True
    slots: dict[int, str] = field(default_factory=dict)
    proxied: dict[str, dict[str, str]] = field(default_factory=dict)
    declared: tuple[Mapping[str, Any], ...] = ()
    chain: tuple[str, ...] = ()


class Workflow:
    """Reads one UI workflow into a Collection."""

    def __init__(self, raw: Mapping[str, Any], found: Collection) -> None:
        self.raw = raw
        self.found = found
        self.definitions: dict[str, Graph] = {}
        self._promoted: dict[str, dict[int, None]] = {}
        self._collect_definitions(raw, 0)
        extra = raw.get("extra")
        self.groups = group_nodes.definitions(extra if isinstance(extra, dict) else {})

    def collect(self) -> None:
        self.found.top_level = entries(self.raw.get("models"))
        self._visit(Frame(Graph(self.raw)))

    def _collect_definitions(self, raw: Mapping[str, Any], depth: int) -> None:
        definitions = raw.get("definitions")
        if not isinstance(definitions, dict) or depth > DEEPEST:
            return
        for definition in _list(definitions.get("subgraphs")):
            if isinstance(definition, dict) and isinstance(definition.get("id"), str):
                self.definitions.setdefault(definition["id"], Graph(definition))
                self._collect_definitions(definition, depth + 1)

    def _visit(self, frame: Frame) -> None:
        for node in frame.graph.nodes:
            self.found.spend(NODE_PRICE)
            node_type = node.get("type")
            if not isinstance(node_type, str):
                continue
            active = frame.active and node.get("mode") not in (MUTED, BYPASSED)
            if node_type in NOTES:
                self.found.notes += [text for _, text, _ in self.found.leaf_strings(node.get("widgets_values"))]
            elif node_type in self.definitions:
                self._enter(frame, node, active)
            elif (group := self.groups.get(group_nodes.name_of(node_type))) is not None:
                group_nodes.select(group, node, active, self.found)
            elif not is_primitive(node_type):
                if active:
                    self.found.node_types.add(node_type)
                self._values(frame, node, active).select(self.found)

    def _enter(self, frame: Frame, node: Node, active: bool) -> None:
        definition_id = node["type"]
        if definition_id in frame.chain:
            raise Unreadable("A subgraph contains itself. ComfyUI cannot run this workflow.")
        if len(frame.chain) >= DEEPEST:
            raise Unreadable(f"Subgraphs are nested more than {DEEPEST} deep. ComfyUI could not run it either.")
        graph = self.definitions[definition_id]
        slots, proxied = self._container_values(frame, node, graph, self.promoted(definition_id))
        declared = (*_declared(node), *frame.declared)
        self._visit(Frame(graph, active, slots, proxied, declared, (*frame.chain, definition_id)))

    def _container_values(
        self, frame: Frame, node: Node, graph: Graph, promoted: dict[int, None]
    ) -> tuple[dict[int, str], dict[str, dict[str, str]]]:
        """What this instance hands down: by slot of the definition, and by inner widget (proxyWidgets)."""
        slots: dict[int, str] = {}
        proxied: dict[str, dict[str, str]] = {}
        values = node.get("widgets_values")
        proxies = [pair for pair in _list(_properties(node).get("proxyWidgets")) if _is_proxy(pair)]
        self.found.spend(len(graph.inputs) + len(proxies) + len(_list(values)))
        if isinstance(values, list) and values:
            if len(values) == len(proxies) and len(values) != len(promoted):
                for pair, value in zip(proxies, values, strict=True):
                    if isinstance(value, str):
                        proxied.setdefault(_key(pair[0]), {})[pair[1]] = value
            else:
                slots = _aligned(values, promoted, graph)
        raw_named = values if isinstance(values, dict) else node.get("widgets_values_named")
        named = raw_named if isinstance(raw_named, dict) else {}
        reached = proxied.get(_key(-1), {}) | self._reached(frame, node)
        for index, slot in enumerate(graph.inputs):
            name = slot.get("name")
            if not isinstance(name, str):
                continue
            if name in reached:
                slots[index] = reached[name]
            elif index not in slots and isinstance(named.get(name), str):
                slots[index] = named[name]
        return slots, proxied

    def promoted(self, definition_id: str) -> dict[int, None]:
        """The slots of a definition that are widgets on its containers, in order."""
        if definition_id not in self._promoted:
            self._promoted[definition_id] = {}  # ends the walk when definitions contain each other
            graph = self.definitions[definition_id]
            widgets = [slot for slot, ends in graph.entering.items() if any(self._is_widget(graph, e) for e in ends)]
            self._promoted[definition_id] = dict.fromkeys(sorted(widgets))
        return self._promoted[definition_id]

    def _is_widget(self, graph: Graph, end: Entering) -> bool:
        """Whether a link from the subgraph's input ends on a widget.

        The inputs of a node may be listed in part; then the slot of an inner container is looked up in its definition.
        """
        if end.link in graph.listed:
            return graph.listed[end.link]
        inner = end.target.get("type")
        if isinstance(inner, str) and inner in self.definitions:
            return end.slot in self.promoted(inner)
        inputs = _list(end.target.get("inputs"))
        return 0 <= end.slot < len(inputs) and bool(_widget_name(inputs[end.slot]))

    def _values(self, frame: Frame, node: Node, active: bool) -> NodeValues:
        reached = self._reached(frame, node)
        declared = (*_declared(node), *frame.declared)
        outputs = _list(node.get("outputs"))
        raw = node.get("widgets_values")
        named = node.get("widgets_values_named")
        by_name = raw if isinstance(raw, dict) else named if raw is None and isinstance(named, dict) else None
        if by_name is not None:
            return NodeValues(node["type"], list(by_name.items()), False, reached, declared, outputs, active)
        items = _list(raw)
        # The inputs that are widgets too are often fewer than the widgets: their order proves nothing then.
        names = [name for item in _list(node.get("inputs")) if (name := _widget_name(item))]
        if isinstance(named, dict) and len(named) == len(items):
            names = list(named)
        if len(names) != len(items):
            names = [""] * len(items)
        return NodeValues(node["type"], list(zip(names, items, strict=True)), True, reached, declared, outputs, active)

    def _reached(self, frame: Frame, node: Node) -> dict[str, str]:
        """The strings that come into a node's widgets from outside, by input name: from links and proxies."""
        inputs = _list(node.get("inputs"))
        self.found.spend(len(inputs))
        if not (frame.slots or frame.proxied or frame.graph.has_primitives):
            return {}  # most graphs: no link brings a string
        reached = {}
        for item in inputs:
            if isinstance(item, dict) and item.get("link") is not None:
                name = _widget_name(item) or item.get("name")
                text = self._trace(frame, item["link"])
                if isinstance(name, str) and text is not None:
                    reached[name] = text
        return reached | frame.proxied.get(_key(node.get("id")), {})

    def _trace(self, frame: Frame, link_id: Any) -> str | None:
        for _ in range(LONGEST_CHAIN):
            link = frame.graph.links.get(_key(link_id))
            if link is None:
                return None
            if link.origin == INPUT_NODE:
                return frame.slots.get(link.origin_slot) if isinstance(link.origin_slot, int) else None
            origin = frame.graph.by_id.get(link.origin)
            if origin is None or not isinstance(origin.get("type"), str) or not is_primitive(origin["type"]):
                return None
            first = next(iter(_list(origin.get("inputs"))), None)
            if not isinstance(first, dict) or first.get("link") is None:
                value = next(iter(_list(origin.get("widgets_values"))), None)
                return value if isinstance(value, str) else None
            link_id = first["link"]
        return None


def _aligned(values: list[Any], promoted: Iterable[int], graph: Graph) -> dict[int, str]:
    """Values of a container by slot.

    When a version of the page wrote more or fewer of them, model names go to the slots that hold model names, if their
    numbers agree.
    """
    places = list(promoted)
    if len(values) != len(places):
        models = [value for value in values if isinstance(value, str) and is_model_name(value)]
        slots = [slot for slot in places if any(_selects_model(end.target) for end in graph.entering[slot])]
        if len(models) == len(slots):
            return dict(zip(slots, models, strict=True))
    return {slot: value for slot, value in zip(places, values, strict=False) if isinstance(value, str)}


def _selects_model(node: Node) -> bool:
    return any(isinstance(value, str) and is_model_name(value) for value in _list(node.get("widgets_values")))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _key(value: Any) -> str:
    """Node and link ids are numbers or strings, depending on who wrote the file."""
    return str(value) if isinstance(value, int | str) else ""


def _number(value: Any) -> int:
    return value if isinstance(value, int) else -1


def _properties(node: Node) -> dict[str, Any]:
    properties = node.get("properties")
    return properties if isinstance(properties, dict) else {}


def _declared(node: Node) -> tuple[Mapping[str, Any], ...]:
    return entries(_properties(node).get("models"))


def _widget_name(item: Any) -> str:
    """The widget that an input stands for, "" for a plain input."""
    widget = item.get("widget") if isinstance(item, dict) else None
    name = widget.get("name") if isinstance(widget, dict) else None
    return name if isinstance(name, str) else ""


def _is_proxy(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) >= 2 and isinstance(pair[1], str)
