"""YAML from strangers, read into a plain tree: bounded in size, depth and count, with the line of everything.

PyYAML's own loaders build whatever the document says. Aliases then share one object, merge keys multiply (a few hundred
bytes unfold to gigabytes), nesting ends in a RecursionError or, below libyaml, in a crash. So the tree is put together
from the stream of events here: scalars stay the text that was written, merge keys are ordinary keys, an alias is
replaced by what it names only once that is complete, and tags other than the standard ones make a node unusable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

DOCUMENT_MAX = 4 * 2**20  # bytes; the largest catalogue known has 55 kB
NODES_MAX = 100_000
DEPTH_MAX = 20

_Loader: type = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_STANDARD_TAG = "tag:yaml.org,2002:"
_STANDARD_KINDS = frozenset({"str", "int", "float", "bool", "null", "timestamp", "map", "seq"})
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class BadDocument(ValueError):
    """Not YAML that can be used; the message is a sentence with the line where there is one."""


@dataclass(frozen=True, slots=True)
class Scalar:
    line: int
    text: str
    is_null: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    line: int
    items: list[Node]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Pairs in the order of the document; a key that is no scalar has become the text ``?``. Keys may repeat."""

    line: int
    pairs: list[tuple[Scalar, Node]]


@dataclass(frozen=True, slots=True)
class Tagged:
    """A node with a tag of its own, such as ``!!python/object``: never built."""

    line: int
    tag: str


Node = Scalar | Sequence | Mapping | Tagged


def parse(data: bytes) -> Node:
    """The first document of ``data``. Raises BadDocument."""
    if len(data) > DOCUMENT_MAX:
        raise BadDocument(f"It is larger than {DOCUMENT_MAX // 2**20} MB. A catalogue has some hundred kB at the most.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadDocument(f"Line {line} is not UTF-8 text. Save the file as UTF-8.") from error
    if text.lstrip()[:1] == "<":
        raise BadDocument("This is a web page, not a catalogue. Use the address of the raw file.")
    try:
        return _build(_events(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"Line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise BadDocument(f"{place}{_sentence(error.problem or error.context or 'this is not YAML')}") from error
    except yaml.YAMLError as error:  # a character that YAML forbids
        raise BadDocument(_sentence(str(error).splitlines()[0])) from error


def _events(text: str) -> Iterator[yaml.Event]:
    yield from yaml.parse(text, Loader=_Loader)


def _sentence(problem: str) -> str:
    return problem[:1].upper() + problem[1:].rstrip(".")[:200] + "."


def _build(events: Iterator[yaml.Event]) -> Node:
    """Collections are filled on an explicit stack, so depth costs no recursion."""
    anchors: dict[str, Node] = {}
    stack: list[_Open] = []
    nodes = 0
    for event in events:
        node: Node | None = None
        if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            if len(stack) >= DEPTH_MAX:
                raise BadDocument(f"Line {_line(event)}: nested deeper than {DEPTH_MAX} levels.")
            stack.append(_Open(event))
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            opened = stack.pop()
            node = opened.close()
            if opened.anchor:
                anchors[opened.anchor] = node
        elif isinstance(event, yaml.ScalarEvent):
            node = _scalar(event)
            if event.anchor:
                anchors[event.anchor] = node
        elif isinstance(event, yaml.AliasEvent):
            # Not there: unknown, or one of the collections that are still open, which would make a ring.
            if (name := str(event.anchor)) not in anchors:
                raise BadDocument(f"Line {_line(event)}: the alias *{name[:50]} names nothing complete.")
            node = anchors[name]
        else:
            continue
        nodes += 1
        if nodes > NODES_MAX:
            raise BadDocument(f"Line {_line(event)}: more than {NODES_MAX} entries.")
        if node is None:
            continue
        if not stack:
            return node
        stack[-1].add(node)
    raise BadDocument("The document is empty.")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _own_tag(event: yaml.NodeEvent) -> str:
    """The tag when it is not one of the standard ones, else ""."""
    tag = str(getattr(event, "tag", None) or "!")
    return "" if tag == "!" or tag.removeprefix(_STANDARD_TAG) in _STANDARD_KINDS else tag


def _scalar(event: yaml.ScalarEvent) -> Scalar | Tagged:
    if tag := _own_tag(event):
        return Tagged(_line(event), tag)
    return Scalar(_line(event), event.value, not event.style and event.value in _NULLS)


class _Open:
    """A collection whose end has not come yet."""

    def __init__(self, event: yaml.CollectionStartEvent) -> None:
        self.line = _line(event)
        self.anchor = event.anchor
        self.tag = _own_tag(event)
        self.is_mapping = isinstance(event, yaml.MappingStartEvent)
        self.nodes: list[Node] = []

    def add(self, node: Node) -> None:
        self.nodes.append(node)

    def close(self) -> Node:
        if self.tag:
            return Tagged(self.line, self.tag)
        if not self.is_mapping:
            return Sequence(self.line, self.nodes)
        keys = (node if isinstance(node, Scalar) else Scalar(node.line, "?", is_null=False) for node in self.nodes[::2])
        return Mapping(self.line, list(zip(keys, self.nodes[1::2], strict=True)))
