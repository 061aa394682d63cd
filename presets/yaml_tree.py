"""YAML from strangers, read into a plain tree: bounded in size, depth and count, with the line of everything.

PyYAML's own loaders build whatever the document says. Aliases then share one object, merge keys multiply (a few hundred
bytes unfold to gigabytes), nesting ends in a RecursionError or, below libyaml, in a crash. So the tree is put together
from the stream of events here: scalars stay the text that was written, an alias is replaced by what it names only once
that is complete, merge keys are followed while the pairs that they bring stay within the count, and tags other than
the standard ones make a node unusable.

What is wrong is said in words of our own: PyYAML's differ from version to version, and with and without libyaml.

By hand, not ruamel.yaml: it is slower, and builds what the document says as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

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
    is_plain: bool = field(default=True, compare=False)  # written without quotes


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


def parse(data: bytes, notes: list[str] | None = None) -> Node:
    """The first document of ``data``. Raises BadDocument. What stands behind it is said in ``notes``."""
    if len(data) > DOCUMENT_MAX:
        raise BadDocument(f"It is larger than {DOCUMENT_MAX // 2**20} MB. A catalogue has some hundred kB at the most.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadDocument(f"Line {line} is not UTF-8 text. Save the file as UTF-8.") from error
    if text.lstrip()[:1] == "<":
        raise BadDocument("This is a web page, not a catalogue. Use the address of the raw file.")
    text = _readable(text)
    events = _events(text)
    try:
        root = _build(events)
    except yaml.YAMLError as error:
        raise BadDocument(_explained(error, text)) from error
    except (RecursionError, UnicodeError) as error:
        raise BadDocument("This is nested too deep, or holds broken characters. Correct it.") from error
    if notes is not None and (behind := _behind(events)):
        notes.append(behind)
    return root


def _events(text: str) -> Iterator[yaml.Event]:
    yield from yaml.parse(text, Loader=_Loader)


# --- JSON is YAML but for this --------------------------------------------------------------------------------------

_PAIR = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_LONE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


def _readable(text: str) -> str:
    """JSON writes an emoji as two escapes, which libyaml refuses, and may be indented with tabs."""
    if "\\u" in text:
        text = _PAIR.sub(_joined, text)
    if "\t" in text and text.lstrip()[:1] == "{":  # indentation means nothing between braces
        text = re.sub(r"(?m)^[ \t]+|(?<=[:,\[{])\t+(?=[\"\d\[{tfn-])", lambda blank: " " * len(blank[0]), text)
    return text


def _joined(pair: re.Match[str]) -> str:
    start = pair.start()
    text = pair.string
    while start and text[start - 1] == "\\":
        start -= 1
    if (pair.start() - start) % 2:  # the backslash itself is escaped: these are letters
        return pair[0]
    return chr(0x10000 + ((int(pair[1], 16) - 0xD800) << 10) + int(pair[2], 16) - 0xDC00)


# --- what is wrong, in our own words --------------------------------------------------------------------------------

_QUOTED = r"""(?<![^\s,\[{:-])(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')"""
_FLOW = re.compile(_QUOTED + r"|(?<!\S)\#[^\n]*|[\[\]{}]", re.DOTALL)


def _explained(error: yaml.YAMLError, text: str) -> str:
    if not isinstance(error, yaml.MarkedYAMLError):  # a character that YAML forbids
        place = getattr(error, "position", None)
        before = text[:place] if isinstance(place, int) else ""
        code = getattr(error, "character", None)
        shown = (
            f" (#x{ord(code) if isinstance(code, str) else code:04x})"
            if isinstance(code, int | str) and code != ""
            else ""
        )
        return (
            f"Line {before.count(chr(10)) + 1}: a control or other character that no text file has{shown}. Remove it."
        )
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return "This is not YAML. Check quotes, brackets and indentation."
    lines = text.split("\n")
    line = lines[mark.line] if mark.line < len(lines) else ""
    if _flow_depth(text, lines, mark) > DEPTH_MAX:
        return f"Line {mark.line + 1}: nested deeper than {DEPTH_MAX} levels."
    place = f"Line {mark.line + 1}, column {mark.column + 1}: "
    begun = error.context_mark
    if "\t" in line[: len(line) - len(line.lstrip())] or line[mark.column : mark.column + 1] == "\t":
        return place + "a tab cannot stand here. Indent with spaces."
    if _LONE.search(line):
        return (
            place + "half of an emoji (a lone surrogate such as \\ud83d) is no character. Write the character itself."
        )
    quote = _mark_char(lines, begun)
    at_the_end = not "".join(lines[mark.line + 1 :]).strip() and not line[mark.column :].strip()
    if begun and quote and quote in "\"'" and at_the_end:
        return place + f"the quotation mark of line {begun.line + 1} is never closed."
    if "\\" in line and quote == '"':
        return place + "a backslash inside double quotes begins an escape that YAML does not know. Use single quotes."
    if begun and quote and quote in "[{":
        return place + f"the {quote} of line {begun.line + 1} is not closed, or a comma is missing."
    letter = line[mark.column : mark.column + 1]
    if letter == ":" or re.search(r":\s.*:(\s|$)", line):
        return place + "a second “:” cannot stand here. Put the text into quotes, or correct the indentation."
    if letter and letter in "@`%&*!|>":
        return place + f"a text cannot begin with {letter} here. Put it into quotes."
    return place + "this is not YAML. Check the indentation, quotes and brackets here and in the line before."


def _mark_char(lines: list[str], mark: yaml.Mark | None) -> str:
    return lines[mark.line][mark.column : mark.column + 1] if mark and mark.line < len(lines) else ""


def _flow_depth(text: str, lines: list[str], mark: yaml.Mark) -> int:
    """How deep brackets were open before the place, as far as a look at the letters tells."""
    end = sum(len(line) + 1 for line in lines[: mark.line]) + mark.column + 1
    depth = deepest = 0
    for token in _FLOW.finditer(text, 0, end):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        deepest = max(deepest, depth)
    return deepest


def _behind(events: Iterator[yaml.Event]) -> str:
    """A sentence when more follows the document that was read."""
    try:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                return f"Line {_line(event)}: a second document begins here (---) and is not read. Put all into one."
    except (yaml.YAMLError, RecursionError, UnicodeError):
        return "What stands behind the end of the catalogue is not read."
    return ""


# --- the tree -------------------------------------------------------------------------------------------------------


class _Count:
    """Entries of the document so far; those that merge keys bring count as well."""

    def __init__(self) -> None:
        self.entries = 0

    def add(self, line: int, more: int = 1) -> None:
        self.entries += more
        if self.entries > NODES_MAX:
            raise BadDocument(f"Line {line}: more than {NODES_MAX} entries.")


def _build(events: Iterator[yaml.Event]) -> Node:
    """Collections are filled on an explicit stack, so depth costs no recursion."""
    anchors: dict[str, Node] = {}
    stack: list[_Open] = []
    count = _Count()
    for event in events:
        node: Node | None = None
        if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            if len(stack) >= DEPTH_MAX:
                raise BadDocument(f"Line {_line(event)}: nested deeper than {DEPTH_MAX} levels.")
            stack.append(_Open(event))
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            opened = stack.pop()
            node = opened.close(count)
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
        count.add(_line(event))
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
    if any("\ud800" <= letter <= "\udfff" for letter in event.value):
        raise BadDocument(f"Line {_line(event)}: half of an emoji (a lone surrogate such as \\ud83d) is no character.")
    # libyaml has None, the other loader "", for a plain scalar
    return Scalar(_line(event), event.value, not event.style and event.value in _NULLS, is_plain=not event.style)


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

    def close(self, count: _Count) -> Node:
        if self.tag:
            return Tagged(self.line, self.tag)
        if not self.is_mapping:
            return Sequence(self.line, self.nodes)
        keys = (node if isinstance(node, Scalar) else Scalar(node.line, "?", is_null=False) for node in self.nodes[::2])
        return Mapping(self.line, _merged(list(zip(keys, self.nodes[1::2], strict=True)), count))


def _merged(pairs: list[tuple[Scalar, Node]], count: _Count) -> list[tuple[Scalar, Node]]:
    """``<<`` brings the pairs of what it names behind the mapping's own, which win; of several the first one wins.

    One that names no mapping stays an ordinary key. Each pair that is looked at counts as an entry of the document, so
    that merges of merges end early.
    """
    if not any(key.text == "<<" for key, _ in pairs):
        return pairs
    known = {key.text for key, _ in pairs}
    own: list[tuple[Scalar, Node]] = []
    more: list[tuple[Scalar, Node]] = []
    for key, node in pairs:
        sources = node.items if isinstance(node, Sequence) else [node]
        mappings = [source for source in sources if isinstance(source, Mapping)]
        if key.text != "<<" or not key.is_plain or not mappings or len(mappings) < len(sources):
            own.append((key, node))
            continue
        for source in mappings:
            count.add(key.line, 1 + len(source.pairs))
            for pair in source.pairs:
                if pair[0].text not in known:
                    known.add(pair[0].text)
                    more.append(pair)
    return own + more
