"""The loader table: which widget of which node type names a file of which folder. The data is loaders.json.

A loader's row is ``[position in widgets_values or null, input name, folder]``; the name ``*`` means every model name in
the node.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

_DATA: dict[str, Any] = json.loads(Path(__file__).with_name("loaders.json").read_text("utf-8"))


class LoaderInput(NamedTuple):
    position: int | None
    name: str
    directory: str


LOADERS: dict[str, tuple[LoaderInput, ...]] = {
    node_type: tuple(LoaderInput(*row) for row in rows) for node_type, rows in _DATA["loaders"].items()
}
NO_FILES: frozenset[str] = frozenset(_DATA["values_of_no_file"])
NOTES: frozenset[str] = frozenset(_DATA["notes"])
PRIMITIVES: frozenset[str] = frozenset(_DATA["primitives"])


def guess_directory(node_type: str, input_name: str, outputs: Sequence[str]) -> str:
    """A folder inferred from the widget's name, the output slots or the type's name; "" when nothing speaks for one."""
    wanted = input_name.lower()
    for part, directory in _DATA["guess_by_input"]:
        if part in wanted:
            return str(directory)
    given = {output.upper() for output in outputs}
    for slots, directory in _DATA["guess_by_outputs"]:
        if given.issuperset(slots):
            return str(directory)
    plain = "".join(letter for letter in node_type.lower() if letter.isalnum())
    for part, directory in _DATA["guess_by_type"]:
        if part in plain:
            return str(directory)
    for slot, directory in _DATA["guess_by_only_output"]:
        if given == {slot}:
            return str(directory)
    return ""
