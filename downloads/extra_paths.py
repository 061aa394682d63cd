"""ComfyUI's extra_model_paths.yaml: which folders it reads beyond its own, and what is wrong with the file.

Form: ``{section: {base_path?, is_default?, <kind>: "a path, or several lines of them"}}``, read as ComfyUI's
utils/extra_config.py reads it. Where ComfyUI gives up at the first fault, each section here stands for itself: what is
left out would be fetched a second time.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

FILE_MAX = 2**20  # bytes
SECTIONS_MAX = 500
# ComfyUI reads both folders of a group for the same kind of model. Source: folder_paths.py of ComfyUI.
ALIASES = {"unet": "diffusion_models", "clip": "text_encoders", "t2i_adapter": "controlnet"}
EXAMPLE = "Write it like ComfyUI's extra_model_paths.yaml.example."
_TRUE = frozenset({"true", "yes", "on"})


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
    place = Path(os.path.abspath(Path(file).expanduser()))  # noqa: PTH100  (links stay as they are named)
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
        reader.faults.append(f"{place} is larger than {FILE_MAX // 2**20} MB and is not read.")
    else:
        reader.whole(data)
    return ExtraPaths(reader.kinds, tuple(reader.faults))


class _Reader:
    def __init__(self, place: Path) -> None:
        self.place = place
        self.kinds: dict[str, list[Path]] = {}
        self.faults: list[str] = []

    def whole(self, data: bytes) -> None:
        try:
            node = _composed(data.decode("utf-8-sig"))
        except (UnicodeDecodeError, yaml.YAMLError, RecursionError):
            return self._in_parts(data)
        if node is None:
            self.faults.append(f"{self.place} holds nothing but comments, so no folder is read from it.")
        else:
            self._document(node, 0)
        return None

    def _in_parts(self, data: bytes) -> None:
        """One section after the other: one that is broken hides nothing else."""
        line = 0
        for part in re.split(rb"(?m)^(?=[^\s#}\]-])", data.replace(b"\r\n", b"\n").removeprefix(b"\xef\xbb\xbf")):
            try:
                node = _composed(part.decode("utf-8"))
                if node is not None:
                    self._document(node, line)
            except UnicodeDecodeError as error:
                at = line + part.count(b"\n", 0, error.start)
                self._fault(at, "this is not UTF-8 text, so its section is left out. Save the file as UTF-8.")
            except yaml.MarkedYAMLError as error:
                mark = error.problem_mark or error.context_mark
                self._fault(line + (mark.line if mark else 0), _sentence(part.decode("utf-8"), mark))
            except (yaml.YAMLError, RecursionError):
                self._fault(line, "this section holds characters that no text file has, or is nested too deep.")
            line += part.count(b"\n")

    def _document(self, node: yaml.Node, offset: int) -> None:
        if not isinstance(node, yaml.MappingNode):
            what = "a list" if isinstance(node, yaml.SequenceNode) else "a text"
            self._fault(offset + node.start_mark.line, f"this is {what}, not sections with folders. {EXAMPLE}")
            return
        for key, value in node.value[:SECTIONS_MAX]:
            line = offset + key.start_mark.line
            if isinstance(value, yaml.MappingNode):
                self._section(value, offset)
            elif not _is_null(value):
                name = _text(key) or "this"
                self._fault(
                    line,
                    f"“{name[:60]}” stands in no section, so it is left out. Put a name like “comfyui:” above and "
                    f"indent what belongs to it. {EXAMPLE}",
                )

    def _section(self, section: yaml.MappingNode, offset: int) -> None:
        fields = {_text(key): (key, value) for key, value in _pairs(section)}
        base, is_default = None, False
        if "base_path" in fields:
            key, value = fields.pop("base_path")
            if written := _text(value):
                base = self._folder(os.path.expandvars(Path(written).expanduser()))
                if not base.is_dir():
                    self._fault(offset + key.start_mark.line, f"the folder {base} of base_path is not there.")
        if "is_default" in fields:
            _, value = fields.pop("is_default")
            is_default = _text(value).lower() in _TRUE
        for kind, (key, value) in fields.items():
            if not isinstance(value, yaml.ScalarNode) or _is_null(value):
                what = "a list" if isinstance(value, yaml.SequenceNode) else "no path"
                self._fault(
                    offset + key.start_mark.line,
                    f"“{kind[:60]}” has {what}. ComfyUI takes one path, or several lines of them after a “|”.",
                )
                continue
            for written in filter(None, (line.strip() for line in value.value.splitlines())):
                self._add(kind, self._folder(written, base), is_default)

    def _folder(self, written: str, base: Path | None = None) -> Path:
        return Path(os.path.normpath((base or self.place.parent) / written))

    def _add(self, kind: str, folder: Path, is_default: bool) -> None:
        folders = self.kinds.setdefault(ALIASES.get(kind, kind), [])
        if is_default:
            if folder in folders:
                folders.remove(folder)
            folders.insert(0, folder)  # each in front, as ComfyUI does: the last line is looked at first
        elif folder not in folders:
            folders.append(folder)

    def _fault(self, line: int, sentence: str) -> None:
        self.faults.append(f"{self.place}, line {line + 1}: {sentence}")


def _composed(text: str) -> yaml.Node | None:
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    return node


def _pairs(section: yaml.MappingNode) -> list[tuple[yaml.Node, yaml.Node]]:
    """With what a merge key brings, one level of it; the section's own come last and win."""
    merged: list[tuple[yaml.Node, yaml.Node]] = []
    own: list[tuple[yaml.Node, yaml.Node]] = []
    for key, value in section.value:
        if _text(key) == "<<":
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            merged += [
                pair for source in reversed(sources) if isinstance(source, yaml.MappingNode) for pair in source.value
            ]
        else:
            own.append((key, value))
    return merged + own


def _text(node: yaml.Node) -> str:
    return str(node.value).strip() if isinstance(node, yaml.ScalarNode) and not _is_null(node) else ""


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def _sentence(text: str, mark: yaml.Mark | None) -> str:
    lines = text.split("\n")
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in line:
        return "a tab cannot stand here. Indent with spaces. Its section is left out."
    if "\\" in line:
        return "a backslash in double quotes is no folder. Use / or single quotes. Its section is left out."
    return "this is not YAML. Check indentation, colons and quotes. Its section is left out."
