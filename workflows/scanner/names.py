"""Names and links as files give them: which are model files, which must never become a path."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote, urlsplit, urlunsplit

MODEL_EXTENSIONS = (
    ".safetensors",
    ".sft",
    ".ckpt",
    ".pt",
    ".pt2",
    ".pth",
    ".bin",
    ".pkl",
    ".gguf",
    ".onnx",
)
LONGEST_NAME = 400  # characters; a longer string is a prompt that happens to end like a file
LONGEST_URL = 2048
# Names that say nothing of the content: hundreds of repositories have a file of this name.
GENERIC = re.compile(r"(model|pytorch_model|diffusion_pytorch_model|(\w+_)?model-\d{4,6}-of-\d{4,6})(\.\w+)*", re.I)
BIDIRECTIONAL = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")


def is_model_name(value: str) -> bool:
    """Whether a widget value reads like a model file."""
    return (
        len(value) <= LONGEST_NAME
        and value.rstrip().lower().endswith(MODEL_EXTENSIONS)
        and "\n" not in value
        and "://" not in value
    )


def normal_name(value: str) -> str:
    """The name with forward slashes and without the spaces around it."""
    return value.strip().replace("\\", "/")


def basename(name: str) -> str:
    """Of a name as `normal_name` gives it: a backslash that is left stands for a byte that is no text."""
    return name.rpartition("/")[2]


def is_generic(name: str) -> bool:
    """Whether the base name proves nothing: ``model.safetensors`` in two folders are two models."""
    return bool(GENERIC.fullmatch(basename(name)))


def is_byte(letter: str) -> bool:
    """Whether it stands for a byte of a file's name that is no UTF-8; ComfyUI lists and saves such names like this."""
    return "\udc80" <= letter <= "\udcff"


def path_problem(name: str) -> str:
    """Why a name may not be used below the models folder, as a sentence; "" when it may."""
    if not name.isprintable():
        if any(letter in BIDIRECTIONAL for letter in name):
            return "The name contains marks that turn the direction of writing, which hide what it is. Rename the file."
        if any(unicodedata.category(letter) in {"Cc", "Cs"} and not is_byte(letter) for letter in name):
            return "The name contains control characters. Select the file again in ComfyUI and save the workflow."
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "The name is a path of another machine. Select the file again in ComfyUI and save the workflow."
    parts = name.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        return "The name leaves its folder. Select the file again in ComfyUI and save the workflow."
    if any(len(part.encode("utf-8", "surrogateescape")) > 255 for part in parts):
        return "The name is longer than a file name can be. Rename the file."
    return ""


def safe_directory(value: object) -> str:
    """A declared folder when it is one below the models folder, else ""."""
    if not isinstance(value, str):
        return ""
    directory = normal_name(value).rstrip("/").removeprefix("models/")
    return "" if not directory or len(directory) > 200 or path_problem(directory) else directory


def clean_url(value: object) -> str:
    """An http(s) link in the form that fetches (``/resolve/``), or "" when it is none."""
    if not isinstance(value, str) or len(value) > LONGEST_URL:
        return ""
    url = value.strip()
    if not url.isprintable() or " " in url:
        return ""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:  # "http://[" is not an address
        return ""
    if parts.scheme.lower() not in {"http", "https"} or not host or "@" in parts.netloc:
        return ""
    path, query = parts.path, parts.query
    if re.search(r"/(blob|resolve)/", path):
        # A Hub link: the page of a file, or the file with a query that only names the download.
        path, query = path.replace("/blob/", "/resolve/", 1), ""
    return urlunsplit((parts.scheme.lower(), parts.netloc, path, query, ""))


def url_key(url: str) -> str:
    """What two links to the same file have in common: no query, /blob/ as /resolve/."""
    return clean_url(url).partition("?")[0]


def url_basename(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2])
