"""The catalogue document, presets.yaml: bytes in, typed presets and readable faults out.

A fault in one preset is a warning on that preset; what cannot be shown as a preset at all is a problem of the document.
Only a document without a single preset is refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from downloads.inventory.scan import resolved
from downloads.transfer import TransferError, parse_model_path
from presets.preset import Category, Preset, PresetFile
from presets.yaml_tree import BadDocument, Mapping, Node, Scalar, Sequence, Tagged, parse
from values.words import on_or_off
from webclient.url_policy import without_secrets
from workflowfiles.names import clean_url, url_problem

__all__ = ["BadDocument", "Document", "is_preset_id", "parse_document"]

ID = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
TAKEN = frozenset({"queue", "categories", "refresh"})  # literal paths of /api/presets/
OTHER_SOURCES = ("template:", "workflow:", "lock:")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")

# Folders of ComfyUI's models folder, and of node packs that many have: a first folder that is none of them but reads
# like one is a slip more often than not.
KNOWN_FOLDERS = frozenset(
    (
        *("audio_encoders", "background_removal", "checkpoints", "classifiers", "clip", "clip_vision", "configs"),
        *("controlnet", "diffusers", "diffusion_models", "embeddings", "gligen", "hypernetworks"),
        *("latent_upscale_models", "loras", "model_patches", "photomaker", "style_models", "t2i_adapter"),
        *("text_encoders", "unet", "upscale_models", "vae", "vae_approx"),
    )
)
OTHER_FOLDERS = frozenset(
    (
        *("animatediff_models", "animatediff_motion_lora", "clipseg", "depthanything", "facerestore_models"),
        *("facexlib", "grounding-dino", "inpaint", "insightface", "instantid", "ipadapter", "layer_model", "llm"),
        *("llm_gguf", "luts", "mmdets", "onnx", "optical_flow", "prompt_generator", "pulid", "reactor", "rembg"),
        *("sam2", "sam3", "sams", "seedvr2", "tts", "ultralytics", "vae_gguf", "unet_gguf", "clip_gguf", "wav2vec2"),
        *("xlabs", "yolo"),
    )
)
_IN_FRONT = re.compile(r"(?:\./)*(?:(?:comfyui/+)?models/+)+(?=.)", re.IGNORECASE)

PRESETS_MAX, FILES_MAX, TAGS_MAX, CATEGORIES_MAX, PROBLEMS_MAX = 5000, 500, 50, 500, 100
NAME_MAX, TEXT_MAX, TAG_MAX = 200, 4000, 60


@dataclass(frozen=True)
class Document:
    version: str
    presets: dict[str, Preset]
    categories: dict[str, Category]
    problems: tuple[str, ...]


def is_preset_id(text: str) -> bool:
    return bool(ID.fullmatch(text)) and text not in TAKEN


def parse_document(data: bytes) -> Document:
    """Raises BadDocument with a sentence, and the line where there is one."""
    notes: list[str] = []
    root = parse(data, notes)
    if not isinstance(root, Mapping):
        raise BadDocument(f"Line {root.line}: this is no catalogue, which begins with names like “presets:”.")
    faults = Faults(notes)
    top = _fields(root, faults, "the document")
    listed = _by_id(top.get("presets"))
    if not isinstance(listed, Mapping):
        line = listed.line if listed else root.line
        raise BadDocument(f"Line {line}: “presets:” with a list of presets by id is missing.")
    categories = _categories(top.get("categories"), faults)
    presets = _presets(listed, categories, faults)
    if not presets:
        because = faults.texts[0] if faults.texts else f"Line {listed.line}: “presets:” is empty."
        raise BadDocument(f"Not one preset can be used. {because}")
    for preset in presets.values():
        categories.setdefault(preset.category, Category("", preset.type))
    metadata = top.get("metadata")
    details = _fields(metadata, faults, "metadata") if isinstance(metadata, Mapping) else {}
    version = _text(details.get("version"), "version", faults, NAME_MAX)
    return Document(version, presets, categories, tuple(faults.texts[:PROBLEMS_MAX]))


@dataclass
class Faults:
    """Sentences about a document or about one preset, each with its line."""

    texts: list[str] = field(default_factory=list)

    def add(self, node: Node, sentence: str) -> None:
        self.texts.append(f"Line {node.line}: {sentence}")


# --- pieces of the tree ----------------------------------------------------------------------------------------------


def _fields(mapping: Mapping, faults: Faults, owner: str) -> dict[str, Node]:
    """By name; of a name that is there twice the first one counts."""
    fields: dict[str, Node] = {}
    for key, node in mapping.pairs:
        if key.text == "<<":
            faults.add(key, f"“<<” in {owner} names nothing that has fields, and brings none.")
        elif key.text in fields:
            faults.add(key, f"“{_short(key.text)}” is there twice in {owner}; the first one is used.")
        else:
            fields[key.text] = node
    return fields


def _text(node: Node | None, name: str, faults: Faults, longest: int = TEXT_MAX) -> str:
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return ""
    if not isinstance(node, Scalar):
        faults.add(node, f"“{name}” should be a text.")
        return ""
    return _clean(node.text, longest)


def _clean(text: str, longest: int) -> str:
    text = "".join(letter for letter in text.replace("\t", " ") if letter.isprintable() or letter == "\n").strip()
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _flag(node: Node | None, name: str, faults: Faults) -> bool:
    text = _text(node, name, faults)
    switch = on_or_off(text)
    if switch is None and node is not None and text:
        faults.add(node, f"“{name}” should be true or false.")
    return bool(switch)


def _items(node: Node | None, name: str, faults: Faults, most: int) -> Iterator[Node]:
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return
    if not isinstance(node, Sequence):
        faults.add(node, f"“{name}” should be a list.")
        return
    if len(node.items) > most:
        faults.add(node, f"“{name}” has {len(node.items)} entries; only the first {most} are used.")
    yield from node.items[:most]


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


# --- categories and presets ------------------------------------------------------------------------------------------


def _categories(node: Node | None, faults: Faults) -> dict[str, Category]:
    if not isinstance(node, Mapping):
        if node is not None and not (isinstance(node, Scalar) and node.is_null):
            faults.add(node, "“categories” should be a list of names with their descriptions.")
        return {}
    categories = {}
    for name, value in list(_fields(node, faults, "categories").items())[:CATEGORIES_MAX]:
        fields = _fields(value, faults, f"category “{_short(name)}”") if isinstance(value, Mapping) else {}
        description = _text(fields.get("description"), "description", faults)
        categories[_clean(name, NAME_MAX)] = Category(description, _type(fields.get("type"), faults))
    return categories


def _type(node: Node | None, faults: Faults) -> str:
    text = _text(node, "type", faults, 30).lower()
    return text if re.fullmatch(r"[a-z0-9_-]{1,30}", text) else ""


def _by_id(node: Node | None) -> Node | None:
    """A list of presets that each say their ``id`` is as good as names with a preset each."""
    if not isinstance(node, Sequence):
        return node
    pairs = []
    for item in node.items:
        key = dict(_named(item)).get("id") if isinstance(item, Mapping) else None
        if isinstance(key, Scalar):
            pairs.append((key, item))
    return Mapping(node.line, pairs) if pairs else node


def _presets(listed: Mapping, categories: dict[str, Category], faults: Faults) -> dict[str, Preset]:
    presets: dict[str, Preset] = {}
    for key, node in listed.pairs:
        if problem := _id_problem(key.text, presets):
            faults.add(key, problem)
        elif not isinstance(node, Mapping):
            what = f"the tag {_short(node.tag)}" if isinstance(node, Tagged) else "no fields"
            faults.add(node, f"“{key.text}” has {what} and is left out.")
        elif len(presets) >= PRESETS_MAX:
            faults.add(key, f"More than {PRESETS_MAX} presets; the rest is left out.")
            break
        else:
            presets[key.text] = _preset(key.text, node, categories)
    return presets


def _id_problem(text: str, presets: dict[str, Preset]) -> str:
    if not is_preset_id(text):
        return (
            f"“{_short(text)}” cannot be an id and is left out. An id has up to 200 letters, digits and _ . : - "
            f"and is none of {', '.join(sorted(TAKEN))}."
        )
    if text.startswith(OTHER_SOURCES):
        return f"“{_short(text)}” is left out: ids that begin with {', '.join(OTHER_SOURCES)} are taken."
    if text in presets:
        return f"The id “{_short(text)}” is there twice; the first one is used."
    return ""


def _preset(preset_id: str, node: Mapping, categories: dict[str, Category]) -> Preset:
    faults = Faults()
    fields = _fields(node, faults, f"“{_short(preset_id)}”")

    def text(name: str, longest: int = TEXT_MAX) -> str:
        return _text(fields.get(name), name, faults, longest)

    category = text("category", NAME_MAX) or "Other"
    kind = _type(fields.get("type"), faults) or (categories[category].type if category in categories else "")
    files, problem = _files(node, fields.get("files"), faults)
    tags = (_text(tag, "tags", faults, TAG_MAX) for tag in _items(fields.get("tags"), "tags", faults, TAGS_MAX))
    return Preset(
        id=preset_id,
        name=text("name", NAME_MAX) or preset_id,
        category=category,
        type=kind or "other",
        description=text("description"),
        download_size=text("download_size", 100),
        files=files,
        use_case=text("use_case"),
        tags=tuple(dict.fromkeys(filter(None, tags))),
        source="file",
        warnings=tuple(faults.texts[:PROBLEMS_MAX]),
        problem=problem,
    )


def _files(preset: Mapping, node: Node | None, faults: Faults) -> tuple[tuple[PresetFile, ...], str]:
    """The usable files, and why the preset cannot be installed when one that it needs is not among them."""
    files: dict[str, PresetFile] = {}
    problem = ""
    if isinstance(node, Mapping) and {"path", "url"} <= {name for name, _ in _named(node)}:
        node = Sequence(node.line, [node])  # one file, without the dash
    for entry in _items(node, "files", faults, FILES_MAX):
        known = len(faults.texts)
        file = _file(entry, faults)
        if file is None:
            optional = isinstance(entry, Mapping) and _flag(dict(_named(entry)).get("optional"), "optional", Faults())
            problem = problem or ("" if optional else faults.texts[known])
        elif resolved(file.path) in files:
            faults.add(entry, f"{file.path} is there twice; the first one is used.")
        else:
            files[resolved(file.path)] = file
            _warn_of_pickle(file, entry, faults)
            _warn_of_place(file, entry, faults)
    if not files and not problem:
        faults.add(preset, "It lists no files.")
        problem = faults.texts[-1]
    return tuple(files.values()), problem


def _named(mapping: Mapping) -> Iterator[tuple[str, Node]]:
    return ((key.text, node) for key, node in mapping.pairs)


def _file(node: Node, faults: Faults) -> PresetFile | None:
    """The file, or None with the reason in ``faults``."""
    if not isinstance(node, Mapping):
        faults.add(node, "A file needs a path and a url.")
        return None
    fields = _fields(node, faults, "a file")
    written = {name: _text(fields.get(name), name, Faults(), TEXT_MAX) for name in ("path", "url")}
    short = _IN_FRONT.sub("", written["path"], count=1) if _IN_FRONT.match(written["path"]) else written["path"]
    try:
        path = parse_model_path(short)
    except TransferError as refusal:
        faults.add(fields.get("path", node), str(refusal))
        return None
    if short != written["path"]:
        faults.add(fields["path"], f"Paths begin below the models folder: {_short(written['path'])} is read as {path}.")
    url = clean_url(re.sub(r"\s", "%20", written["url"].strip()))
    if not url:
        why = f" It is not fetched: {url_problem(written['url'])}." if written["url"] else ""
        faults.add(fields.get("url", node), f"{path} has no http(s) address that can be used.{why}")
        return None
    if taken := without_secrets(written["url"])[1]:
        faults.add(
            fields.get("url", node),
            f"The address of {path} carries a secret ({', '.join(taken)}) that was left out: the file is tried without "
            "it. Take it out of the catalogue.",
        )
    size = _text(fields.get("size"), "size", faults, 100)
    return PresetFile(path, url, size, _flag(fields.get("optional"), "optional", faults))


# --- faults that real catalogues have --------------------------------------------------------------------------------


def _warn_of_pickle(file: PresetFile, node: Node, faults: Faults) -> None:
    name, origin = PurePosixPath(file.path), PurePosixPath(urlsplit(file.url).path)
    if name.suffix.lower() == ".safetensors" and origin.suffix.lower() in PICKLES:
        faults.add(
            node,
            f"{file.path} is {origin.name} under another name. ComfyUI cannot load a {origin.suffix} file as "
            ".safetensors, so its install is refused before anything is fetched.",
        )


def _warn_of_place(file: PresetFile, node: Node, faults: Faults) -> None:
    """Said, not changed: the file goes where the catalogue says."""
    folder, slash, _ = file.path.partition("/")
    if not slash:
        faults.add(node, f"{file.path} names no folder: ComfyUI finds models only in folders like loras/ or vae/.")
    elif folder.lower() == "comfyui":
        faults.add(node, f"{file.path}: paths begin below the models folder, where ComfyUI has no folder {folder}.")
    elif folder not in KNOWN_FOLDERS | OTHER_FOLDERS and (similar := _resembling(folder.lower())):
        faults.add(node, f"{file.path}: ComfyUI has no folder {folder}. Is {similar} meant?")
    if file.path.lower().endswith(".zip"):
        faults.add(node, f"{file.path} is stored as it is: ComfyDash does not unpack it.")


def _resembling(folder: str) -> str:
    plain = {name.replace("_", ""): name for name in sorted(KNOWN_FOLDERS)}
    words = folder.replace("_", "").replace("-", "").replace(" ", "")
    return next((plain[name] for name in difflib.get_close_matches(words, plain, n=1, cutoff=0.8)), "")
