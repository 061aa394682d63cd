"""What the readers of both formats collect: a value that a node selects, with what is known at that place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workflowfiles.document import Unreadable
from workflowfiles.loaders import LOADERS, NO_FILES, LoaderInput
from workflowfiles.names import basename, is_model_name, normal_name

# A file may be small and yet unfold without end: every step has a price, and the sum has a limit. The largest real
# workflows (thousands of nodes) stay below a tenth of it; reaching it takes about a second.
MOST_WORK = 400_000
NODE_PRICE = 8  # each instance of a subgraph counts its nodes anew
SELECTION_PRICE = 10
SWITCHES = ("on", "enabled", "active")  # of the entries of loader stacks


@dataclass(frozen=True, slots=True)
class Selection:
    """``directory`` is the loader table's, "" without a row; ``declared`` are the entries of properties.models here."""

    value: str
    node_type: str
    input_name: str
    active: bool
    directory: str = ""
    declared: tuple[Mapping[str, Any], ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass
class Collection:
    """Everything found in one file, in order of appearance."""

    selections: list[Selection] = field(default_factory=list)
    node_types: set[str] = field(default_factory=set)
    top_level: tuple[Mapping[str, Any], ...] = ()
    notes: list[str] = field(default_factory=list)
    work: int = 0

    def spend(self, price: int) -> None:
        """Count work; raises Unreadable when the file asks for more than any workflow needs."""
        self.work += price
        if self.work > MOST_WORK:
            raise Unreadable("It unfolds to more nodes and values than ComfyUI could run. Check where it is from.")

    def leaf_strings(self, value: Any, name: str = "") -> Iterator[tuple[str, str, bool]]:
        """Each string below ``value`` as (name of its key, string, not switched off)."""
        stack: list[tuple[str, Any, bool]] = [(name, value, True)]
        while stack:
            self.spend(1)
            key, item, on = stack.pop()
            if isinstance(item, str):
                yield key, item, on
            elif isinstance(item, dict):
                on = on and not any(item.get(switch) is False for switch in SWITCHES)
                stack.extend((k if isinstance(k, str) else key, v, on) for k, v in reversed(item.items()))
            elif isinstance(item, list):
                stack.extend((key, v, on) for v in reversed(item))


@dataclass(frozen=True)
class NodeValues:
    """The values of one node with their input names ("" where the file does not say), links already followed."""

    node_type: str
    values: Sequence[tuple[str, Any]]
    positions: bool  # whether the order of ``values`` is that of widgets_values
    reached: Mapping[str, str] = field(default_factory=dict)  # by input name: what a link brings instead
    declared: tuple[Mapping[str, Any], ...] = ()
    outputs: Sequence[Any] = ()  # the slots as the file writes them
    active: bool = True

    def select(self, found: Collection) -> None:
        """Add each model file that this node selects."""
        found.spend(NODE_PRICE + (len(self.values) + len(self.reached)) * (1 + len(self.declared)))
        rows = LOADERS.get(self.node_type, ())
        taken = [row for row in rows if row.name != "*" and self._select_row(row, found)]
        if not taken:
            folders = {row.directory for row in rows}
            self._select_leaves(found, folders.pop() if len(folders) == 1 else "")

    def _select_row(self, row: LoaderInput, found: Collection) -> bool:
        value: Any = self.reached.get(row.name)
        if value is None and self.positions and row.position is not None and row.position < len(self.values):
            value = self.values[row.position][1]
        if value is None:
            value = next((item for name, item in self.values if name == row.name), None)
        if isinstance(value, str):
            return self._add(found, row.name, value, True, row.directory)
        if isinstance(value, dict):  # a picture beside the name: {"content": "a.safetensors", "image": …}
            before = len(found.selections)
            for _, item, on in found.leaf_strings(value, row.name):
                self._add(found, row.name, item, on, row.directory)
            return len(found.selections) > before
        return False

    def _select_leaves(self, found: Collection, directory: str) -> None:
        for name, value in self.values:
            if name in self.reached:
                continue
            if isinstance(value, str):
                self._add(found, name, value, True, directory)
            elif isinstance(value, dict | list):
                for key, item, on in found.leaf_strings(value, name):
                    self._add(found, key, item, on, directory)
        for name, value in self.reached.items():
            self._add(found, name, value, True, directory)

    def _add(self, found: Collection, name: str, value: str, on: bool, directory: str) -> bool:
        if not (is_model_name(value) or self._is_declared(value)) or value.strip() in NO_FILES:
            return False
        found.spend(SELECTION_PRICE)
        types = (slot.get("type") for slot in self.outputs if isinstance(slot, dict))
        outputs = tuple(output for output in types if isinstance(output, str))
        found.selections.append(
            Selection(value, self.node_type, name, self.active and on, directory, self.declared, outputs)
        )
        return True

    def _is_declared(self, value: str) -> bool:
        """A name without a known extension counts when the node itself declares it as a model."""
        return bool(value.strip()) and any(entry_matches(entry, normal_name(value)) for entry in self.declared)


def entry_matches(entry: Mapping[str, Any], name: str) -> bool:
    """Whether an entry of properties.models is about the selected name, with or without its subfolder."""
    declared = entry.get("name")
    if not isinstance(declared, str) or not declared.strip():
        return False
    declared = normal_name(declared)
    return declared == name or basename(declared) == basename(name)


def entries(value: Any) -> tuple[Mapping[str, Any], ...]:
    """The objects of a list of model entries; anything else in it is left out."""
    return tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()
