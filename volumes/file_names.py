"""Names of files as text that can be shown, stored and sent, and back again.

A file system holds bytes. Python reads a byte that is no UTF-8 as a lone surrogate, which neither a page nor a database
nor an answer can hold. So inside and outside of this program such a byte is ``\\xNN`` and a backslash ``\\\\``; only
where a file is opened its real name is used.
"""

from __future__ import annotations

import re
import unicodedata

# What would begin another line, or speak to the terminal that shows it.
_CONTROLS = {code: repr(chr(code))[1:-1] for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)}
_ESCAPED = re.compile(r"\\(?:\\|x([0-9a-fA-F]{2})|u([dD][89a-fA-F][0-9a-fA-F]{2}))")


def shown(real: str) -> str:
    """The name as text: each byte that is no UTF-8 as ``\\xNN``, each backslash doubled."""
    if "\\" not in real and (real.isascii() or _is_text(real)):
        return real
    return "".join(map(_shown, real))


def legible(sentence: str) -> str:
    """A sentence in which a real name may stand, as text."""
    return sentence if _is_text(sentence) else "".join(part if part == "\\" else _shown(part) for part in sentence)


def on_one_line(text: str) -> str:
    """For a command's line: names may hold line breaks."""
    return text.translate(_CONTROLS)


def real(shown: str) -> str:
    """The name as the file system has it; what `shown` gave out comes back as it was."""
    if "\\" not in shown:
        return shown
    name = _ESCAPED.sub(_real, shown)
    try:
        # Bytes that were written one by one may be text together.
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a character pair, which is the name of no file
        return name


def composed(path: str) -> str:
    """NFC, in which names are compared: macOS writes é as two characters where others write one."""
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(letter: str) -> str:
    code = ord(letter)
    if letter == "\\":
        return "\\\\"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if 0xD800 <= code <= 0xDFFF else letter


def _real(escaped: re.Match[str]) -> str:
    byte, surrogate = escaped.groups()
    if byte:
        return chr(int(byte, 16)) if int(byte, 16) < 0x80 else chr(0xDC00 + int(byte, 16))
    return chr(int(surrogate, 16)) if surrogate else "\\"
