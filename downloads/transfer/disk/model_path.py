"""Names of files from catalogues, workflows and servers, before they touch the disk."""

from __future__ import annotations

import re
import unicodedata

from modelfiles.suffixes import LOADABLE
from webclient.errors import TransferError

# .csv: lists of tags; .zip: stored as it is, never unpacked.
COMPANION_EXTENSIONS = (
    *(".json", ".txt", ".yaml", ".yml", ".md", ".jinja", ".vocab", ".spm", ".tiktoken"),
    *(".csv", ".zip"),
)
DEVICE_NAME = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
WINDOWS_FORBIDDEN = frozenset('<>:"|?*')
NAME_BYTES = 240  # file systems take 255; ".part.state" and a temporary name must fit behind it
PATH_BYTES = 1024
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def parse_model_path(text: str) -> str:
    """A path below the models folder, normalised to NFC with forward slashes.

    Raises TransferError(forbidden_path) for everything that could leave the folder, be something else on another
    system, look like another name, or is no kind of file that ComfyUI loads.
    """
    path = unicodedata.normalize("NFC", text)
    if not path or len(path.encode("utf-8", "surrogatepass")) > PATH_BYTES:
        raise _forbidden(text, "is empty or too long")
    if path.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:", path):
        raise _forbidden(text, "must be relative to the models folder")
    if "\\" in path:
        raise _forbidden(text, "contains a backslash; folders are separated by /")
    names = path.split("/")
    for name in names:
        _check_name(text, name)
    if not names[-1].lower().endswith(LOADABLE + COMPANION_EXTENSIONS):
        raise _forbidden(text, "does not end like a model file")
    return path


def _check_name(text: str, name: str) -> None:
    if name in {"", ".", ".."}:
        raise _forbidden(text, "contains an empty name, “.” or “..”")
    if any(unicodedata.category(char) in HIDDEN_CATEGORIES for char in name):
        raise _forbidden(text, "contains invisible or control characters")
    if any(char in WINDOWS_FORBIDDEN for char in name):
        raise _forbidden(text, "contains a character that not every system can store")
    look = unicodedata.normalize("NFKC", name)
    if any(char in look for char in "/\\") or set(look) == {"."} or _has_slash_lookalike(name):
        raise _forbidden(text, "contains a character that looks like a separator")
    if name != name.strip() or name.endswith(".") or look != look.strip():
        raise _forbidden(text, "has a name that begins or ends with a space or ends with a dot")
    if name.startswith("."):
        raise _forbidden(text, "has a hidden name")
    if DEVICE_NAME.fullmatch(look):
        raise _forbidden(text, "has a name that is a device on Windows")
    if len(name.encode()) > NAME_BYTES:
        raise _forbidden(text, f"has a name of more than {NAME_BYTES} bytes")


def _has_slash_lookalike(name: str) -> bool:
    return any(char in "\u2044\u2215\u29f8\u29f5\u2216\u2571\u2572\u27cb\u27cd\u1735" for char in name)


def _forbidden(text: str, why: str) -> TransferError:
    display = ascii(text)[1:-1]
    display = display if len(display) <= 120 else display[:117] + "…"
    return TransferError(
        f"The path “{display}” {why}. Correct it in the catalogue; nothing was written.", reason="forbidden_path"
    )
