"""No message to a page is larger than MOST_BYTES, whatever stands in titles, ids, addresses and errors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

MOST_BYTES = 250_000  # of JSON; 256 KB is the promise, the envelope of whoever sends it has its place in the rest
LONGEST_TEXT = 8_000  # bytes of JSON, of any one text in a message that is too large as it is
LENGTHS = (LONGEST_TEXT, 4000, 2000, 1000, 700, 500, 350, 250, 180, 120, 60, 20)  # that texts are cut to
DEEPEST = 20


def encoded(message: dict[str, Any]) -> str:
    """The message as JSON text in ASCII, so that its length counts bytes; shortened where it is too large."""
    text = _json(message)
    return text if len(text) <= MOST_BYTES else _json(bounded(message))


def message_bytes(message: Any) -> int:
    return len(_json(message))


def bounded(message: dict[str, Any], most: int = MOST_BYTES) -> dict[str, Any]:
    """The same message within ``most`` bytes: long texts are cut, then lists lose entries from their end, largest
    first.

    The lists of a queue say beside them how many there are, so a reader sees what was left out.
    """
    if len(_json(message)) <= most:
        return message
    short: dict[str, Any] = _cut(message, LONGEST_TEXT)
    while (excess := len(_json(short)) - most) > 0:
        lists = [found for found in _lists(short) if found]
        if not lists:
            return _first_fields(short, most)
        largest = max(lists, key=_own_bytes)
        _shorten(largest, excess)
    return short


def with_short_texts(rows: list[dict[str, Any]], names: Sequence[str], most: int) -> list[dict[str, Any]]:
    """Every row, with as much of these texts as leaves all together within ``most`` bytes."""
    excess = len(_json(rows)) - most
    if excess <= 0:
        return rows
    sizes = [len(json.dumps(row[name])) for row in rows for name in names]
    longest = next((long for long in LENGTHS if sum(max(0, size - long) for size in sizes) >= excess), LENGTHS[-1])
    return [row | {name: _fit(row[name], longest) for name in names} for row in rows]


def _first_fields(message: dict[str, Any], room: int) -> dict[str, Any]:
    """Fields without number instead of a long list: no message of ours, and still none that is too large."""
    kept = {}
    for name, value in message.items():
        room -= len(_json({name: value}))
        if room < 0:
            break
        kept[name] = value
    return kept


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, separators=(",", ":"))


def _cut(value: Any, most: int, depth: int = 0) -> Any:
    if isinstance(value, str):
        return _fit(value, most)
    if depth > DEEPEST:
        return None
    if isinstance(value, dict):
        return {key: _cut(item, most, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(item, most, depth + 1) for item in value]
    return value


def _fit(text: str, most: int) -> str:
    if len(text) * 12 <= most or len(json.dumps(text)) <= most:  # no character takes more than 12 bytes
        return text
    low, high = 0, min(len(text), most)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(json.dumps(text[:middle])) <= most - 8 else (low, middle - 1)
    return text[:low] + "…"


def _lists(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, list):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _lists(item)


def _own_bytes(entries: list[Any]) -> int:
    """Without the lists within, which are shortened for themselves."""
    return len(_json([_without_lists(entry) for entry in entries]))


def _without_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_lists(item) for key, item in value.items() if not isinstance(item, list)}
    return value


def _shorten(entries: list[Any], excess: int) -> None:
    """Take entries off the end until the excess is gone, at most half of them: then another list may be the largest."""
    least = len(entries) // 2
    while excess > 0 and len(entries) > least:
        excess -= len(_json(entries.pop())) + 1
