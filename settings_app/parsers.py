"""Readers of single settings: each takes the value's own type or a string, and refuses the rest with a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from values.sizes import human_size, parse_size
from values.words import on_or_off

RawValue = str | int | float | bool | list[object] | dict[str, object] | None
MOST_BYTES = 2**63 - 1
EXAMPLE = "http://127.0.0.1:8188"
LEAST_RATE = 1000  # bytes/s; "50" is meant as 50 MB/s and would take a year


def choice(*words: str) -> Callable[[RawValue], str]:
    def parse(raw: RawValue) -> str:
        word = raw.strip().lower() if isinstance(raw, str) else ""
        if word not in words:
            raise ValueError(f"{_quoted(raw)} is none of {', '.join(words)}.")
        return word

    return parse


def integer(low: int, high: int) -> Callable[[RawValue], int]:
    def parse(raw: RawValue) -> int:
        number = raw
        # The length keeps int() from refusing 5,000 digits in words of its own.
        if isinstance(raw, str) and raw.strip().isascii() and raw.strip().isdigit() and len(raw.strip()) < 20:
            number = int(raw)
        if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
            raise ValueError(f"{_quoted(raw)} is not a whole number from {low} to {high}.")
        return number

    return parse


def flag(raw: RawValue) -> bool:
    if isinstance(raw, bool):
        return raw
    switch = on_or_off(raw) if isinstance(raw, str) else None
    if switch is None:
        raise ValueError(f"{_quoted(raw)} is neither on nor off.")
    return switch


def size(raw: RawValue) -> int:
    """Bytes, from a number or from 20GB."""
    if isinstance(raw, str):
        count = parse_size(raw[:100])
    elif isinstance(raw, int) and not isinstance(raw, bool):
        count = raw
    else:
        raise ValueError(f"{_quoted(raw)} is not a size. Write it like 20GB.")
    if not 0 <= count <= MOST_BYTES:
        raise ValueError(f"{_quoted(raw)} is not a size that a disk can have. Write it like 20GB.")
    return count


def optional_size(raw: RawValue) -> int | None:
    """Bytes, or None for nothing given; a quota of zero bytes would be none that anyone means."""
    if raw is None or raw == "":
        return None
    return size(raw) or None


def rate(raw: RawValue) -> int:
    """Bytes per second, 0 for no limit."""
    if raw is None or raw == "":
        return 0
    count = size(raw)
    if 0 < count < LEAST_RATE:
        raise ValueError(f"{count} bytes a second is next to nothing. Write it like 50MB/s, or 0 for no limit.")
    return count


def url_or(empty: str) -> Callable[[RawValue], str]:
    """An http(s) address without its last slash; empty for an empty string."""

    def parse(raw: RawValue) -> str:
        text = raw.strip().rstrip("/") if isinstance(raw, str) else ""
        shown = _quoted(hidden_login(raw) if isinstance(raw, str) else raw)
        if raw is None or raw == "":
            return empty
        if not text or len(text) > 500 or not text.isprintable() or any(blank in text for blank in " \"'<>\\"):
            raise ValueError(f"{shown} is not an address. Write it like {EXAMPLE}.")
        try:
            parts = urlsplit(text)
            _ = parts.port  # says by an error that it is none
        except ValueError as error:
            raise ValueError(f"{shown} is not an address. Write it like {EXAMPLE}.") from error
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{shown} is not a web address. Write it like {EXAMPLE}.")
        if parts.username is not None or parts.password is not None:
            raise ValueError("An address with a user name or password in it is not taken: it would be shown.")
        if parts.query or parts.fragment:
            raise ValueError(f"Write the address without “?” and “#”, like {EXAMPLE}.")
        return text

    return parse


def without_login(url: str) -> str:
    """``http://user:password@host`` without what stands before the ``@``."""
    return re.sub(r"^(\s*[A-Za-z]+://)[^/?#]*@", r"\1", url)


def hidden_login(text: str) -> str:
    """What may be an address, for a sentence: nothing of what stands before its last ``@``, however it is misspelt."""
    return re.sub(r"^(\s*(?:https?:/*)?).*@", r"\1***@", text, flags=re.DOTALL)


def login_problem(url: str) -> str:
    """Why the user name or password in an address cannot be sent, as a part of a sentence that shows neither."""
    # Not by urlsplit, which drops line breaks and tabs without a word.
    login = re.split(r"[/?#]", url.strip().partition("://")[2])[0].rpartition("@")[0]
    return "" if unquote(login).isprintable() else "its user name or password holds an invisible character"


def show_size(count: int | None) -> str:
    """Short where that loses nothing (20 GB), all digits where not."""
    if count is None:
        return ""
    short = human_size(count).replace(".0 ", " ")
    return short if parse_size(short) == count else str(count)


def show_rate(count: int) -> str:
    return f"{show_size(count)}/s" if count else "0"


def _quoted(raw: RawValue) -> str:
    text = str(raw)
    return f"“{text}”" if len(text) <= 40 else f"“{text[:39]}…”"
