"""ComfyUI's extra_model_paths.yaml: which folders it reads beyond its own, and what is wrong with the file.

Form: ``{section: {base_path?, is_default?, <kind>: "a path, or several lines of them"}}``, read as ComfyUI's
utils/extra_config.py reads it. Where ComfyUI gives up at the first fault, each section here stands for itself: what is
left out would be fetched a second time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from modelfiles.model_folders import OLD_NAMES

FILE_MAX = 2**18  # bytes; real files have some kB, and PyYAML needs seconds for this many
SECTIONS_MAX, PATHS_MAX, FAULTS_MAX = 500, 5000, 100
EXAMPLE = "Write it like ComfyUI's extra_model_paths.yaml.example."
PAIRS_MAX = 20_000  # of all sections together, what merge keys bring included
_OWN_TAG = re.compile(r"!|tag:yaml\.org,2002:(?!(?:str|int|float|bool|null|timestamp|map|seq|merge|value)$)")


@dataclass(frozen=True)
class ExtraPaths:
    """Folders by kind, the ones to look into first in front, and a sentence for each fault."""

    kinds: dict[str, list[Path]]
    faults: tuple[str, ...]


NOTHING = ExtraPaths({}, ())
_known: dict[str, tuple[tuple[object, ...], ExtraPaths]] = {}


def extra_model_paths(file: str) -> ExtraPaths:
    """What the file says now; it is read again when it has changed."""
    if not file:
        return NOTHING
    place = Path(os.path.abspath(os.path.expanduser(file)))  # noqa: PTH100, PTH111  (as named; never fails)
    try:
        if place.is_dir():
            return ExtraPaths({}, (f"{place} is a folder. Name the file in it.",))
        status = place.stat()
        key = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
        if (known := _known.get(str(place))) and known[0] == key:
            return known[1]
        with place.open("rb") as source:
            data = source.read(FILE_MAX + 1)
    except FileNotFoundError:
        return ExtraPaths({}, (f"There is no file {place}.",))
    except (OSError, ValueError) as error:
        return ExtraPaths({}, (f"{place} cannot be read ({getattr(error, 'strerror', None) or error}).",))
    found = read(data, place)
    _known.clear()
    _known[str(place)] = (key, found)
    return found


def read(data: bytes, place: Path) -> ExtraPaths:
    reader = _Reader(place)
    if len(data) > FILE_MAX:
        reader.faults.append(f"{place} is larger than {FILE_MAX // 2**10} kB and is not read.")
    else:
        reader.whole(data)
    return ExtraPaths(reader.kinds, tuple(reader.faults))


class _Reader:
    def __init__(self, place: Path) -> None:
        self.place = place
        self.kinds: dict[str, list[Path]] = {}
        self.faults: list[str] = []
        self.pairs = self.paths = 0
        self.seen: list[yaml.Node] = []  # sections that an alias may name again

    def whole(self, data: bytes) -> None:
        if wide := _wide_encoding(data):
            self._fault(0, f"this is {wide} text, which ComfyUI cannot read. Save the file as UTF-8.")
            data = data.decode(wide, errors="replace").removeprefix("\ufeff").encode(errors="replace")
        try:
            node = _composed(data.decode("utf-8-sig"))
        except (UnicodeDecodeError, yaml.YAMLError, RecursionError):
            return self._in_parts(data)
        if node is None or _is_null(node):
            self.faults.append(f"{self.place} holds nothing but comments, so no folder is read from it.")
        else:
            self._document(node, 0)
        return None

    def _in_parts(self, data: bytes) -> None:
        """One section after the other: one that is broken hides nothing else."""
        line = 0
        data = re.sub(rb"\r\n?", b"\n", data.removeprefix(b"\xef\xbb\xbf"))
        for part in re.split(rb"(?m)^(?=[^\s#}\]-]|---(?:\s|$))", data):
            if part.startswith(b"---") and self.kinds:
                self._fault(line, "a second document begins here (---), and ComfyUI reads no file that has two.")
            try:
                node = _composed(part.decode("utf-8"))
                if node is not None and not _is_null(node):
                    self._document(node, line)
            except UnicodeDecodeError as error:
                at = line + part.count(b"\n", 0, error.start)
                self._fault(at, "this is not UTF-8 text, so its section is left out. Save the file as UTF-8.")
            except yaml.MarkedYAMLError as error:
                at, sentence = _explained(part.decode("utf-8"), error)
                self._fault(line + at, sentence)
            except yaml.reader.ReaderError as error:
                at = line + part.decode("utf-8").count("\n", 0, error.position)
                self._fault(at, "a control character that no text file has. Remove it. Its section is left out.")
            except (yaml.YAMLError, RecursionError):
                self._fault(line, "this section is nested too deep and is left out.")
            line += part.count(b"\n")

    def _document(self, node: yaml.Node, offset: int) -> None:
        if not isinstance(node, yaml.MappingNode):
            what = "a list" if isinstance(node, yaml.SequenceNode) else "a text"
            self._fault(offset + node.start_mark.line, f"this is {what}, not sections with folders. {EXAMPLE}")
            return
        for name, (key, value) in list(self._fields(node, offset, "the file").items())[
            : max(0, SECTIONS_MAX - len(self.seen))
        ]:
            if isinstance(value, yaml.MappingNode):
                self._section(value, offset)
            elif not _is_null(value):
                self._fault(
                    offset + key.start_mark.line,
                    f"“{name[:60] or 'this'}” stands in no section, so it is left out. Put a name like “comfyui:” "
                    f"above and indent what belongs to it. {EXAMPLE}",
                )

    def _section(self, section: yaml.MappingNode, offset: int) -> None:
        fields = self._fields(section, offset, "its section")
        base, is_default = None, False
        (base_key, base_value) = fields.pop("base_path", (section, None))
        (_, default_value) = fields.pop("is_default", (section, None))
        if any(section is known for known in self.seen):  # ComfyUI takes both out at the first reading
            self._fault(
                offset + section.start_mark.line,
                "another section is an alias of this one, and ComfyUI reads it without base_path and is_default. "
                "Write it out.",
            )
        else:
            base = self._base(base_key, base_value, offset)
            is_default = default_value is not None and _is_true(default_value)
        self.seen.append(section)
        for kind, (key, value) in fields.items():
            written = self._text_of(kind, key, value, offset)
            for path in filter(str.strip, written.split("\n")):  # as ComfyUI does it: blanks are letters of a path
                if path != path.strip():
                    self._fault(
                        offset + key.start_mark.line,
                        f"“{path[:60]}” begins or ends with blanks, which belong to the folder's name for ComfyUI. "
                        "Take them away.",
                    )
                self.paths += 1
                if self.paths > PATHS_MAX:
                    self._fault(offset + key.start_mark.line, f"more than {PATHS_MAX} paths; the rest is left out.")
                    return
                self._add(kind, self._folder(path, base), is_default)

    def _base(self, key: yaml.Node, value: yaml.Node | None, offset: int) -> Path | None:
        if value is None:
            return None
        written = self._text_of("base_path", key, value, offset)
        if not written:
            return None
        base = self._folder(os.path.expandvars(os.path.expanduser(written)))  # noqa: PTH111  (never fails)
        if not base.is_dir():
            self._fault(offset + key.start_mark.line, f"the folder {base} of base_path is not there.")
        return base

    def _text_of(self, name: str, key: yaml.Node, value: yaml.Node, offset: int) -> str:
        """What ComfyUI takes as a text; anything else stops it, and is said."""
        if not isinstance(value, yaml.ScalarNode) or _is_null(value):
            what = "a list" if isinstance(value, yaml.SequenceNode) else "no path"
            self._fault(
                offset + key.start_mark.line,
                f"“{name[:60]}” has {what}. ComfyUI takes one path, or several lines of them after a “|”.",
            )
            return ""
        if _OWN_TAG.match(value.tag):
            self._fault(offset + value.start_mark.line, f"ComfyUI reads no file with the tag {value.tag[:60]}.")
        elif value.tag != "tag:yaml.org,2002:str":
            self._fault(
                offset + value.start_mark.line,
                f"“{value.value[:60]}” is no text for ComfyUI, which stops at it. Put it into quotes.",
            )
        return str(value.value)

    def _fields(self, mapping: yaml.MappingNode, offset: int, owner: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """By name, with what merge keys bring; of a name that is there twice the last one counts, as in ComfyUI."""
        if _OWN_TAG.match(mapping.tag):
            self._fault(offset + mapping.start_mark.line, f"ComfyUI reads no file with the tag {mapping.tag[:60]}.")
        fields: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in self._merged(mapping, offset, ()):
            fields[_name(key)] = (key, value)
        own: dict[str, int] = {}
        for key, _ in mapping.value:
            name = _name(key)
            if name in own and not _is_merge(key):
                self._fault(
                    offset + key.start_mark.line,
                    f"“{name[:60]}” is there twice in {owner}, in line {own[name] + 1} too: the last one is read.",
                )
            own[name] = offset + key.start_mark.line
        return fields

    def _merged(
        self, mapping: yaml.MappingNode, offset: int, inside: tuple[yaml.Node, ...]
    ) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """What ``<<`` brings, the first of a list last, then the mapping's own pairs; the last one of a name wins."""
        self.pairs += 1 + len(mapping.value)
        if self.pairs > PAIRS_MAX:
            self._fault(offset + mapping.start_mark.line, "more than 20,000 entries; the rest is left out.")
            return
        for key, value in mapping.value:
            if not _is_merge(key):
                continue
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in reversed(sources):
                if isinstance(source, yaml.MappingNode) and source not in inside and len(inside) < 20:
                    yield from self._merged(source, offset, (*inside, mapping))
                else:
                    self._fault(
                        offset + key.start_mark.line, "“<<” names nothing that has fields. ComfyUI stops at it."
                    )
        for key, value in mapping.value:
            if not _is_merge(key):
                yield key, value

    def _folder(self, written: str, base: Path | None = None) -> Path:
        return Path(os.path.normpath((base or self.place.parent) / written))

    def _add(self, kind: str, folder: Path, is_default: bool) -> None:
        folders = self.kinds.setdefault(OLD_NAMES.get(kind, kind), [])
        if is_default:
            if folder in folders:
                folders.remove(folder)
            folders.insert(0, folder)  # each in front, as ComfyUI does: the last line is looked at first
        elif folder not in folders:
            folders.append(folder)

    def _fault(self, line: int, sentence: str) -> None:
        fault = f"{self.place}, line {line + 1}: {sentence}"
        if fault not in self.faults and len(self.faults) < FAULTS_MAX:
            self.faults.append(fault)


def _wide_encoding(data: bytes) -> str:
    """UTF-16 and UTF-32, with or without a mark, as editors and shells of Windows write them; else ""."""
    for mark, name in ((b"\xff\xfe\0\0", "UTF-32"), (b"\0\0\xfe\xff", "UTF-32")):
        if data.startswith(mark):
            return name
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    start = data[:200]
    zeros = [start[at::2].count(0) / max(1, len(start[at::2])) for at in (0, 1)]
    if max(zeros) > 0.8 and min(zeros) < 0.2:
        return "UTF-16-LE" if zeros[1] > zeros[0] else "UTF-16-BE"
    return ""


def _composed(text: str) -> yaml.Node | None:
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    return node


def _is_merge(key: yaml.Node) -> bool:
    return bool(key.tag == "tag:yaml.org,2002:merge")


def _name(key: yaml.Node) -> str:
    return str(key.value) if isinstance(key, yaml.ScalarNode) else "?"


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def _is_true(node: yaml.Node) -> bool:
    """As Python finds it, which ComfyUI asks: a text that says no in quotes is true."""
    try:
        return bool(yaml.constructor.SafeConstructor().construct_object(node, deep=True))
    except (yaml.YAMLError, ValueError, RecursionError):
        return False


def _explained(text: str, error: yaml.MarkedYAMLError) -> tuple[int, str]:
    """The line in ``text``, from 0, and what is wrong there."""
    mark = error.problem_mark or error.context_mark
    lines = text.split("\n")
    number = mark.line if mark else 0
    line = lines[number] if number < len(lines) else ""
    begun = error.context_mark
    quote = lines[begun.line][begun.column : begun.column + 1] if begun and begun.line < len(lines) else ""
    if begun and quote and quote in "\"'" and not "".join(lines[number:]).strip():
        return begun.line, "the quotation mark here is never closed. Its section is left out."
    if "\t" in line:
        return number, "a tab cannot stand here. Indent with spaces. Its section is left out."
    if "\\" in line:
        return number, "a backslash in double quotes is no folder. Use / or single quotes. Its section is left out."
    if isinstance(error, yaml.composer.ComposerError):
        return number, "the alias here names nothing of its section that can be read. Its section is left out."
    return number, "this is not YAML. Check indentation, colons and quotes. Its section is left out."
