"""Names and links as files give them: which are model files, which must never become a path."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote, urlsplit, urlunsplit

from hosts.huggingface.addresses import Hub
from modelfiles.suffixes import CHOOSABLE
from webclient.url_policy import address_problem, without_secrets, without_signature

HUB = Hub("https://huggingface.co")  # a mirror's own links get their form when they are fetched
LONGEST_NAME = 400  # characters; a longer string is a prompt that happens to end like a file
LONGEST_URL = 2048
# Names that say nothing of the content: hundreds of repositories have a file of this name.
GENERIC = re.compile(r"(model|pytorch_model|diffusion_pytorch_model|(\w+_)?model-\d{4,6}-of-\d{4,6})(\.\w+)*", re.I)
BIDIRECTIONAL = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")


def is_model_name(value: str) -> bool:
    """Whether a widget value reads like a model file."""
    return (
        len(value) <= LONGEST_NAME
        and value.rstrip().lower().endswith(CHOOSABLE)
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
    """An http(s) link in the form that fetches, or "" when it is none.

    Blanks are %20, logins and account secrets are left out, signatures stay: they are part of the address. On the Hub,
    and only there, /blob/ is the page of a file and becomes /resolve/, and a query only names the download.
    """
    if not isinstance(value, str) or url_problem(value):
        return ""
    url, _ = without_secrets(value.strip())
    parts = urlsplit(url.replace(" ", "%20"))
    return HUB.file_address(urlunsplit((parts.scheme.lower(), parts.netloc, parts.path, parts.query, "")))


def url_problem(value: str) -> str:
    """Why a link cannot be used, as the end of a sentence; "" when it can."""
    if len(value) > LONGEST_URL:
        return f"it is longer than {LONGEST_URL} letters"
    url, _ = without_secrets(value.strip())
    if problem := address_problem(url):
        return problem
    return "" if url.isprintable() else "it holds a control or an invisible character. Copy it again, or type it"


def url_key(url: str) -> str:
    """What two links to the same file have in common: /blob/ as /resolve/ on the Hub, elsewhere the query without its
    signature and without what only names the download. A ?fileId= is another file."""
    parts = urlsplit(without_signature(clean_url(url)))
    query = "&".join(part for part in parts.query.split("&") if not part.startswith("download="))
    return urlunsplit(parts._replace(query=query))


def url_basename(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2])
